// The REST API as this page uses it: the session's cookie goes along by itself, unsafe methods carry the CSRF token, errors are
// RFC 9457 problems and arrive as ApiError.

const ROOT = "/api/ext/v1";
const SAFE = new Set(["GET", "HEAD"]);
let csrfToken = "";
let onSignedOut = () => {};

export class ApiError extends Error {
    constructor(status, problem = {}) {
        super(problem.detail || problem.title || `The server answered ${status}.`);
        this.status = status;
        this.code = problem.code ?? "unknown";
        this.title = problem.title ?? "";
        this.requestId = problem.request_id ?? "";
        // Field name, as events[2] -> what is wrong with it.
        this.fields = new Map((problem.errors ?? []).map((e) => [e.field, e.message]));
    }
}

async function send(method, url, { body, headers = {}, signal } = {}) {
    const init = {
        method,
        signal,
        headers: { Accept: "application/json", ...headers },
        credentials: "same-origin",
        cache: "no-store",
    };
    if (body !== undefined) {
        init.body = JSON.stringify(body);
        init.headers["Content-Type"] = "application/json";
    }
    if (!SAFE.has(method) && csrfToken) init.headers["X-CSRF-Token"] = csrfToken;
    let answer;
    try {
        answer = await fetch(url, init);
    } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new ApiError(0, { code: "network", detail: "The server cannot be reached. Check the connection, then try again." });
    }
    return answer;
}

async function result(answer) {
    const text = await answer.text();
    let value = null;
    try {
        value = text ? JSON.parse(text) : null;
    } catch {
        throw new ApiError(answer.status, {
            code: "not_json",
            detail: `The answer (${answer.status}) is not JSON: is a proxy in between?`,
        });
    }
    if (!answer.ok) throw new ApiError(answer.status, { request_id: answer.headers.get("X-Request-Id"), ...value });
    return value;
}

export function query(parameters = {}) {
    const used = Object.entries(parameters).filter(([, v]) => v !== undefined && v !== null && v !== "");
    const text = new URLSearchParams(used).toString();
    return text ? `?${text}` : "";
}

/** The answer's JSON. options: body, query, headers, signal; etag: true returns {value, etag}. A 401 ends the session. */
export async function call(method, path, options = {}) {
    const answer = await send(method, `${ROOT}${path}${query(options.query)}`, options);
    if (answer.status === 401) onSignedOut();
    const value = await result(answer);
    return options.etag ? { value, etag: answer.headers.get("ETag") } : value;
}

export const get = (path, options) => call("GET", path, options);
export const post = (path, body = {}, options = {}) => call("POST", path, { body, ...options });
export const patch = (path, body, options = {}) => call("PATCH", path, { body, ...options });
export const remove = (path, options) => call("DELETE", path, options);
export const streamUrl = (path, parameters) => `${ROOT}${path}${query(parameters)}`;

// ---- the session

export function whenSignedOut(fn) {
    onSignedOut = fn;
}

function opened(session) {
    csrfToken = session.csrf_token;
    return session;
}

/** The session there is, or null. */
export async function currentSession() {
    const answer = await send("GET", `${ROOT}/session`);
    return answer.status === 401 ? null : opened(await result(answer));
}

export async function signIn(key) {
    return opened(await result(await send("POST", `${ROOT}/session`, { body: { key } })));
}

export async function signOut() {
    await result(await send("DELETE", `${ROOT}/session`));
    csrfToken = "";
}
