/** The style of a page: for a screen in light and dark, and for paper. */
export const STYLE = `
:root{color-scheme:light dark;--ink:#1d2430;--soft:#5b6675;--line:#d5dae1;--page:#fff;--card:#f6f7f9;--accent:#1f4e8c;
--good:#1a6b3c;--warn:#8a4b00;--bad:#9d1c1c;--bad-card:#fdf1f0}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa5b4;--line:#39424f;--page:#14181e;--card:#1c222b;--accent:#8db8f2;
--good:#7fd3a0;--warn:#f0b45f;--bad:#ff9b93;--bad-card:#2b1a1b}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 Georgia,"Times New Roman",serif}
main{max-width:60rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1,h2,h3,.what,.kind,.proof,.ended,.step,.by,time,dt,summary,.note{font-family:system-ui,-apple-system,"Segoe UI",sans-serif}
h1{margin:0;font-size:1.7rem;overflow-wrap:anywhere}
h2{margin:2.5rem 0 .75rem;font-size:1.2rem;border-bottom:1px solid var(--line);padding-bottom:.3rem}
h3{font-size:1rem;margin:0 0 .5rem;overflow-wrap:anywhere}
p{margin:.25rem 0;overflow-wrap:anywhere}
.what{color:var(--soft);text-transform:uppercase;letter-spacing:.08em;font-size:.75rem}
.note{color:var(--soft);font-size:.85rem}
.ended{border:1px solid currentColor;border-radius:.3rem;padding:0 .45rem;font-size:.85rem;margin-left:.4rem;color:var(--accent)}
dl{margin:0}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin-top:1rem;font-size:.85rem}
dt{color:var(--soft);font-size:.8rem}
dd{margin:0;overflow-wrap:anywhere}
.answers article{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:1rem 1.1rem;margin:.75rem 0}
.answers dt{margin-top:.5rem;font-weight:600}
.warnings{background:var(--bad-card);border-left:4px solid var(--bad);padding:.1rem 1.1rem 1rem;margin-top:2rem}
.warnings h2{margin-top:1rem;color:var(--bad);border:0}
.warnings li{margin:.4rem 0;overflow-wrap:anywhere}
a{color:var(--accent)}
ol{list-style:none;margin:0;padding:0;border-left:2px solid var(--line)}
.day{margin:1.5rem 0 .75rem;color:var(--soft)}
li:target{background:var(--card)}
ol li{position:relative;display:grid;grid-template-columns:5.2rem 1fr;padding:.55rem 0 .55rem 1rem}
ol li::before{content:"";position:absolute;left:-6px;top:1.05rem;width:10px;height:10px;border-radius:50%;background:var(--soft);border:2px solid var(--page)}
ol li.tool_call::before,ol li.approval::before{background:var(--good)}
ol li.decision::before,ol li.question::before,ol li.policy::before{background:var(--accent)}
ol li.attempt::before,ol li.stop::before,ol li.undo::before,ol li.compensation::before{background:var(--warn)}
ol li.incident::before,ol li.difference::before{background:var(--bad)}
time{color:var(--soft);font-size:.8rem;padding-top:.2rem;font-variant-numeric:tabular-nums}
.head{display:flex;flex-wrap:wrap;gap:.25rem .6rem;align-items:baseline;margin:0}
.kind{font-weight:600;font-size:.85rem}
.step,.by{color:var(--soft);font-size:.8rem;overflow-wrap:anywhere}
.proof{font-size:.7rem;border-radius:.25rem;padding:.05rem .4rem;border:1px solid currentColor}
.proof.signed{color:var(--good)}.proof.server{color:var(--accent)}.proof.claimed{color:var(--warn)}
.proof.sealed,.proof.erased{color:var(--soft)}
.cite{color:var(--soft);font-size:.85rem;font-family:ui-monospace,monospace}
summary{color:var(--soft);font-size:.8rem;cursor:pointer}
pre{margin:.4rem 0 0;padding:.7rem;background:var(--card);border-radius:.4rem;font-size:.75rem;line-height:1.4;white-space:pre-wrap;overflow-wrap:anywhere}
.legend{display:grid;grid-template-columns:max-content 1fr;gap:.4rem 1rem;align-items:baseline}
@media (max-width:36rem){ol li{grid-template-columns:1fr}.facts{grid-template-columns:1fr}}
@media print{body{font-size:11pt;background:#fff;color:#000}main{max-width:none;padding:0}details{display:none}ol li,article{break-inside:avoid}}
`
