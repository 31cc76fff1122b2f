// Where the page begins: the session there is, or the form to sign in; then the router.
import { currentSession, signOut, whenSignedOut } from "./api.js";
import { h, replace } from "./dom.js";
import { signInPage } from "./pages/sign_in.js";
import { registerPages, notFoundPage } from "./pages/all.js";
import { startRouter } from "./router.js";
import { shell } from "./shell.js";
import { problem, toast } from "./ui.js";

const app = document.getElementById("app");
let stopRouter = () => {};

function title(text) {
    document.title = text ? `${text} · TrueFTP Webhooks` : "TrueFTP Webhooks";
}

/** Shows a page in the frame. After the first, its heading gets the focus, so that a screen reader reads where one is. */
function show(frame, page, context) {
    document.querySelectorAll("dialog").forEach((open) => open.close());
    title(page.title);
    frame.setSection(page.section);
    replace(frame.main, page.node);
    if (!frame.first && !context.samePath) {
        frame.main.querySelector("h1")?.focus();
        window.scrollTo(0, 0);
    }
    frame.first = false;
}

/** first: nobody has done anything yet, so the focus stays at the top, before the skip link. */
function openApp(session, { first = false } = {}) {
    const frame = shell(session, leave);
    frame.first = first;
    replace(app, frame.node);
    stopRouter = startRouter((page, context) => show(frame, page, context), notFoundPage);
}

function openSignIn(message) {
    stopRouter();
    title("Sign in");
    const page = signInPage(openApp, message);
    replace(app, page.node);
    page.focus();
}

// The server deletes the cookie in any case; that the session has ended everywhere may be what could not be written.
async function leave() {
    let said = "You are signed out.";
    try {
        await signOut();
    } catch (error) {
        if (error.code !== "unavailable") {
            toast(error.message);
            return;
        }
        said = "You are signed out here. The session may still be good elsewhere: sign in again later, and end it in the list.";
    }
    location.hash = "";
    openSignIn(said);
}

async function begin() {
    registerPages();
    whenSignedOut(() => openSignIn("The session has ended. Sign in again to go on where you were."));
    try {
        const session = await currentSession();
        if (session) openApp(session, { first: true });
        else openSignIn();
    } catch (error) {
        replace(
            app,
            h("main", { id: "main", class: "main" }, h("h1", { tabindex: "-1" }, "TrueFTP Webhooks"), problem(error, begin)),
        );
    }
}

begin();
