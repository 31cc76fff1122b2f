// CSV for spreadsheets (RFC 4180). A spreadsheet runs a cell that begins with = + - or @ as a formula, also behind a tab or a newline:
// such cells get an apostrophe in front.
import { escaped } from "./text.js";

function cell(value) {
    if (typeof value === "number") return String(value);
    const text = escaped(value ?? "");
    const guarded = /^\s*[=+\-@]/.test(text) ? `'${text}` : text;
    return /[",]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}

export function csv(columns, rows) {
    const lines = [columns.map((c) => cell(c.title)), ...rows.map((row) => columns.map((c) => cell(c.value(row))))];
    return `${lines.map((line) => line.join(",")).join("\r\n")}\r\n`;
}

/** Gives the person a file. */
export function save(fileName, text, type = "text/csv;charset=utf-8") {
    const url = URL.createObjectURL(new Blob([text], { type }));
    const link = document.createElement("a");
    link.href = url;
    link.download = fileName;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
