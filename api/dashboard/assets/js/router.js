// Addresses after the #, so that the server has one page to serve and a reload stays where it was. A route's page is a function of
// {params, query, signal}; the signal ends when the page is left, and with it whatever the page has running.

const routes = [];

/** pattern: "/webhooks/:id/deliveries". page(context) returns {title, node, section?}. */
export function route(pattern, page) {
    const names = [];
    const source = pattern.replace(/:(\w+)/g, (_, n) => {
        names.push(n);
        return "([^/]+)";
    });
    routes.push({ expression: new RegExp(`^${source}$`), names, page });
}

function parse(hash) {
    const [path, search = ""] = (hash.replace(/^#/, "") || "/").split("?");
    for (const { expression, names, page } of routes) {
        const match = expression.exec(path);
        if (match) {
            const params = Object.fromEntries(names.map((n, i) => [n, decodeURIComponent(match[i + 1])]));
            return { page, path, params, query: Object.fromEntries(new URLSearchParams(search)) };
        }
    }
    return null;
}

/** An address with a query; empty values are left out. */
export function address(path, parameters = {}) {
    const used = Object.entries(parameters).filter(([, v]) => v !== undefined && v !== null && v !== "");
    const search = new URLSearchParams(used).toString();
    return `#${path}${search ? `?${search}` : ""}`;
}

export function go(path, parameters) {
    location.hash = address(path, parameters);
}

/** Changes the address without leaving the page: what is filtered belongs into a bookmark, not into the history. */
export function rewrite(path, parameters) {
    history.replaceState(null, "", address(path, parameters));
}

/** Calls show(page result, context) for each address. Returns a function that ends it. */
export function startRouter(show, notFound) {
    let leaving = new AbortController();
    let last = null;
    const visit = () => {
        if (location.hash === "#main") return; // the skip link
        leaving.abort();
        leaving = new AbortController();
        const found = parse(location.hash) ?? { page: notFound, path: "", params: {}, query: {} };
        const context = { ...found, signal: leaving.signal, samePath: found.path === last };
        last = found.path;
        show(found.page(context), context);
    };
    window.addEventListener("hashchange", visit);
    visit();
    return () => {
        leaving.abort();
        window.removeEventListener("hashchange", visit);
    };
}
