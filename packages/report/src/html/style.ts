import { html } from '../markup.ts'

/** Colours are those of Okabe and Ito 2008, which differ for colour-blind readers too, lighter on a dark ground. */
export const STYLE = html`<style>
:root{color-scheme:light dark;--ground:#fbfaf7;--panel:#fff;--ink:#1d2421;--soft:#5b6661;--line:#dedcd4;--accent:#00604a;--dot:#56708a;--best:#b33c00;--model:#0072b2;--completed:#0072b2;--pruned:#e69f00;--failed:#d55e00;--cancelled:#8a8f98;--running:#56b4e9;--paused:#cc79a7;--queued:#b9bdc4;font:15px/1.5 system-ui,"DejaVu Sans",sans-serif}
@media (prefers-color-scheme:dark){:root{--ground:#141816;--panel:#1c211f;--ink:#e7ebe8;--soft:#a3ada8;--line:#333b37;--accent:#63c6a9;--dot:#9db3c8;--best:#ff9d5c;--model:#6cb8f0;--completed:#4fa8e0;--pruned:#f0b94a;--failed:#ff8b4a;--cancelled:#a8adb5;--running:#8fd0f5;--paused:#e3a3c6;--queued:#6f757d}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink)}
main{max-width:1240px;margin:0 auto;padding:1.2rem 1rem 3rem}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .3rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2.2rem 0 .6rem;padding-bottom:.25rem;border-bottom:1px solid var(--line)}
h3{font-size:.92rem;margin:0 0 .4rem;overflow-wrap:anywhere}
p{margin:.4rem 0;max-width:75ch;overflow-wrap:anywhere}
.soft,.note,figcaption{color:var(--soft);font-size:.86rem}
.note{margin:.3rem 0 0}
.warning{border-left:3px solid var(--pruned);padding:.1rem .7rem}
.verdict{border-left:3px solid var(--accent);padding:.1rem .7rem}
nav{display:flex;flex-wrap:wrap;gap:.2rem .9rem;margin:.8rem 0 0;font-size:.9rem}
a{color:var(--accent)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:.7rem;margin:1rem 0}
.tile{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.6rem .8rem;min-width:0}
.tile b{display:block;font-size:1.25rem;line-height:1.25;overflow-wrap:anywhere}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,350px),1fr));gap:1rem}
figure{margin:0;background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.7rem .8rem;min-width:0;max-width:620px;break-inside:avoid}
svg{display:block;width:100%;height:auto;font-size:12px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.28rem .8rem .28rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;white-space:nowrap}
td.n,th.n{text-align:right;white-space:nowrap}
td.t{max-width:42ch;overflow-wrap:anywhere}
tr.first td{font-weight:600}
pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:.7rem .8rem;overflow:auto;max-height:26rem;font:13px/1.45 ui-monospace,"DejaVu Sans Mono",monospace;white-space:pre-wrap;overflow-wrap:anywhere;margin:.5rem 0}
details{margin:.6rem 0}
summary{cursor:pointer;color:var(--accent)}
.grid{stroke:var(--line);stroke-width:1;fill:none}
.axis{stroke:var(--soft);stroke-width:1;fill:none}
.tick,.label,.value{fill:var(--soft)}
.label,.value{fill:var(--ink)}
.dot{fill:var(--dot);fill-opacity:.5}
.quartiles{fill:var(--dot);fill-opacity:.2}
.median{stroke:var(--ink);stroke-width:1.6;fill:none}
.model-line{stroke:var(--model);stroke-width:2;fill:none}
.model-band{fill:var(--model);fill-opacity:.18}
.model path{stroke:var(--model);stroke-width:1.6}
.model rect{fill:var(--model)}
.best-line{stroke:var(--best);stroke-width:2;fill:none}
.best-dot,.curve-best-dot{fill:var(--best)}
.cell{shape-rendering:crispEdges}
.best-mark{stroke:#fff;stroke-width:2.5;fill:#b33c00}
.curve{stroke:var(--dot);stroke-width:1;stroke-opacity:.45;fill:none}
.curve-dot{fill:var(--dot);fill-opacity:.6}
.curve-best{stroke:var(--best);stroke-width:1.6;fill:none}
.bar{fill:var(--dot)}
.bar.plain{fill:var(--model);fill-opacity:.75}
.bar.completed{fill:var(--completed)}.bar.pruned{fill:var(--pruned)}.bar.failed{fill:var(--failed)}.bar.cancelled{fill:var(--cancelled)}.bar.running{fill:var(--running)}.bar.paused{fill:var(--paused)}.bar.queued{fill:var(--queued)}
.whisker{stroke:var(--ink);stroke-width:1.2;fill:none}
.key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .3em 0 .8em}
.key.completed{background:var(--completed)}.key.pruned{background:var(--pruned)}.key.failed{background:var(--failed)}.key.cancelled{background:var(--cancelled)}.key.running{background:var(--running)}.key.paused{background:var(--paused)}.key.queued{background:var(--queued)}
.key.model{background:var(--model)}.key.best{background:var(--best)}.key.quart{background:var(--dot);opacity:.4}
.ramp{display:inline-block;width:7em;height:.8em;border-radius:2px;margin:0 .5em;background:linear-gradient(90deg,#440154,#3b528b,#21918c,#5ec962,#fde725)}
@media print{:root{color-scheme:light;--ground:#fff;--panel:#fff;--ink:#000;--soft:#444;--line:#ccc;--accent:#000;--dot:#56708a;--best:#b33c00;--model:#0072b2;--completed:#0072b2;--pruned:#e69f00;--failed:#d55e00;--cancelled:#8a8f98;font-size:11px}nav{display:none}pre{max-height:none}h2{break-after:avoid}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
</style>`
