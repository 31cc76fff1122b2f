// Charts by uPlot (vendor/), in the page's colours. A chart is a picture: the same figures stand below it as a table, for those who read
// with their ears or want to copy them.
import uPlot from "../vendor/uPlot.esm.js";
import { h, replace } from "./dom.js";
import { count, milliseconds } from "./text.js";

// light-dark() cannot be drawn with: an element says what colour it comes to.
function colour(name) {
    const probe = h("span", { css: { color: `var(--${name})` }, hidden: true });
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
}

const short = (text) => text.replace(" ms", "ms").replace(" s", "s");

function axes(format) {
    const style = {
        stroke: colour("text-soft"),
        grid: { stroke: colour("line"), width: 1 },
        ticks: { stroke: colour("line"), width: 1 },
        font: "12px system-ui",
    };
    return [
        { ...style, space: 70 },
        { ...style, size: 58, values: (_, ticks) => ticks.map((v) => (v === null ? "" : format(v))) },
    ];
}

function options(width, step, lines, format) {
    return {
        width,
        height: 190,
        cursor: { y: false, drag: { x: false, y: false } },
        // A bar stands on its piece of time, from its beginning on: the last one needs room behind it.
        scales: { x: { range: (_, min, max) => [min, max + step] }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } },
        axes: axes(format),
        series: [
            { value: "{YYYY}-{MM}-{DD} {HH}:{mm}" },
            ...lines.map((line) => ({
                label: line.label,
                stroke: colour(line.colour),
                fill: line.bars ? colour(line.colour) : undefined,
                width: line.bars ? 0 : 2,
                paths: line.bars ? uPlot.paths.bars({ size: [0.7, 40], align: 1 }) : undefined,
                points: { show: !line.bars && line.values.filter((v) => v !== null).length < 40, size: 5 },
                spanGaps: false,
                value: (_, v) => (v === null ? "–" : format(v)),
            })),
        ],
    };
}

/** times: seconds; lines: {label, colour, values, bars}. Follows the width of its box and the theme, until the signal ends. */
export function chart(title, times, lines, format, signal) {
    const box = h("div", { class: "chart", role: "img", "aria-label": `${title}: the figures are in the table below` });
    let plot = null;
    const draw = () => {
        const width = Math.floor(box.clientWidth);
        if (width === 0) return;
        plot?.destroy();
        replace(box);
        plot = new uPlot(options(width, times[1] - times[0], lines, format), [times, ...lines.map((l) => l.values)], box);
    };
    const sized = new ResizeObserver(() => (plot?.width === Math.floor(box.clientWidth) ? null : draw()));
    sized.observe(box);
    document.addEventListener("themechange", draw, { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw, { signal });
    signal.addEventListener("abort", () => {
        sized.disconnect();
        plot?.destroy();
    });
    return h("section", { class: "card card-pad", "aria-label": title }, h("h2", {}, title), box);
}

export const asCount = (v) => count(v);
export const asTime = (v) => short(milliseconds(v));
export const asPercent = (v) => `${Math.round(v)} %`;
