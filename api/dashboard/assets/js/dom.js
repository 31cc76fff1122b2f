// Elements from data. Whatever comes from outside becomes a text node or an attribute's value; markup is never parsed, so a file
// called `<img src=x onerror=...>` is a name like any other. Styles are set through the CSSOM, which the CSP allows.

const PROPERTIES = new Set(["value", "checked", "disabled", "selected", "hidden", "open", "required", "htmlFor", "readOnly"]);
const LINKS = /^(#|\/|https:\/\/|data:text\/csv|blob:)/;

function setProp(el, name, value) {
    if (value === undefined || value === null || value === false) return;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (name === "class") el.className = value;
    else if (name === "css") Object.entries(value).forEach(([key, v]) => el.style.setProperty(key, v));
    else if (name === "data") Object.assign(el.dataset, value);
    else if (PROPERTIES.has(name)) el[name] = value;
    else if (name === "href" && !LINKS.test(value)) throw new Error(`not a link: ${value}`);
    else el.setAttribute(name, value === true ? "" : value);
}

function append(el, children) {
    for (const child of children.flat(Infinity)) if (child !== undefined && child !== null && child !== false) el.append(child);
    return el;
}

/** h("p", {class: "x", onclick: fn}, "text", node, [more]); children that are null or false are left out. */
export function h(tag, props = {}, ...children) {
    const el = document.createElement(tag);
    for (const [name, value] of Object.entries(props ?? {})) setProp(el, name, value);
    return append(el, children);
}

const SVG = "http://www.w3.org/2000/svg";
export function svg(tag, attributes = {}, ...children) {
    const el = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value);
    return append(el, children);
}

export function replace(el, ...children) {
    el.replaceChildren();
    return append(el, children);
}

let ids = 0;
/** An id for label/for and aria-describedby. */
export function freshId(word) {
    return `${word}-${++ids}`;
}
