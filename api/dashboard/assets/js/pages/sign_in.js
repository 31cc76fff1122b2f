// Sign in with an API key. The key goes to the server once; what stays is a cookie that no script can read.
import { ApiError, signIn } from "../api.js";
import { h } from "../dom.js";
import { field, form } from "../form.js";
import { brand, themeButton } from "../shell.js";
import { announce } from "../ui.js";

/** {node, focus()}. open(session) is called when the key was right. */
export function signInPage(open, message) {
    const key = field(
        "API key",
        h("input", {
            type: "password",
            name: "key",
            autocomplete: "current-password",
            required: true,
            spellcheck: "false",
            placeholder: "tfk_…",
        }),
        { hint: "Whoever runs the service makes keys. A key with the scope write can change things; read can only look." },
    );
    const submit = async () => {
        if (!key.control.value.trim()) throw wrongKey("Paste the key here; it begins with tfk_.");
        try {
            open(await signIn(key.control.value.trim()));
        } catch (error) {
            if (error.status === 401)
                throw wrongKey("This key is not known, has expired or was revoked. Check that all of it was pasted.");
            throw error;
        }
    };
    const box = h(
        "div",
        { class: "sign-in-box" },
        brand(),
        h(
            "div",
            { class: "card card-pad" },
            h("h1", { tabindex: "-1" }, "Sign in"),
            message ? h("p", { class: "dim" }, message) : null,
            form({ key }, key.node, "Sign in", submit),
        ),
        h("div", { class: "sign-in-foot" }, themeButton()),
    );
    const focus = () => {
        key.control.focus();
        if (message) announce(message);
    };
    return { node: h("main", { id: "main", class: "sign-in", tabindex: "-1" }, box), focus };
}

function wrongKey(text) {
    return new ApiError(401, {
        code: "unauthorized",
        detail: text,
        errors: [{ field: "key", code: "unauthorized", message: text }],
    });
}
