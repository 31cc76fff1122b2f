// Who is signed in: the account's sessions of this dashboard, and the way to end one, or all others, when a cookie may have been taken.
import { get, remove } from "../api.js";
import { h, replace } from "../dom.js";
import { escaped, plural, safe, when } from "../text.js";
import { badge, button, confirm, load, table, toast } from "../ui.js";

const PAGE = 100;
const SAYS_OTHERWISE = "The key that it began with goes on: whoever has that can sign in again. Revoke it if it may be known to others.";

function endOne(session, reload) {
    confirm(
        "End this session?",
        `Whoever uses it is signed out everywhere within seconds. ${SAYS_OTHERWISE}`,
        "End the session",
        async () => {
            await remove(`/sessions/${encodeURIComponent(session.id)}`);
            toast("The session has ended");
            reload();
        },
    );
}

function endOthers(reload) {
    confirm("End all other sessions?", `Everybody but you is signed out within seconds. ${SAYS_OTHERWISE}`, "End them", async () => {
        const { ended } = await remove("/sessions");
        toast(`${plural(ended, "session has", "sessions have")} ended`);
        reload();
    });
}

function columns(reload) {
    return [
        {
            title: "Browser",
            kind: "main-cell",
            cell: (s) => h("div", {}, s.current ? [badge("good", "This one"), " "] : null, safe(s.user_agent ?? "It did not say")),
        },
        { title: "Signed in", kind: "nowrap", cell: (s) => when(s.created_at) },
        { title: "Last used", kind: "nowrap", cell: (s) => when(s.last_used_at) },
        { title: "Ends", kind: "nowrap", cell: (s) => when(s.expires_at) },
        { title: "API key", kind: "nowrap", cell: (s) => h("code", {}, safe(s.key_id)) },
        {
            title: "Action",
            cell: (s) =>
                s.current
                    ? null
                    : button("End", () => endOne(s, reload), "tiny", { "aria-label": `End the session of ${escaped(s.user_agent ?? s.id)}` }),
        },
    ];
}

export function sessionsPage({ signal }) {
    const list = h("div", { class: "card" });
    const others = h("div", { class: "actions" });
    const reload = () =>
        load(
            list,
            () => get("/sessions", { query: { limit: PAGE }, signal }),
            ({ data }) => {
                const more = data.some((s) => !s.current);
                replace(others, more ? button("End all others", () => endOthers(reload), "danger") : null);
                return table("Sessions", columns(reload), data).node;
            },
        );
    reload();
    return {
        title: "Sessions",
        section: "sessions",
        node: h(
            "div",
            { class: "stack" },
            h(
                "div",
                { class: "head" },
                h(
                    "div",
                    { class: "head-text" },
                    h("h1", { tabindex: "-1" }, "Sessions"),
                    h("p", { class: "lead" }, "Where somebody is signed in to this dashboard with a key of the account."),
                ),
                others,
            ),
            list,
        ),
    };
}
