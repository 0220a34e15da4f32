/** The look of the page: one column, two colour schemes, and each chart at the size that can be read. */
import { declarations } from "./palette.ts"

export const style = `:root{color-scheme:light dark;${declarations("light")}}
@media (prefers-color-scheme:dark){:root{${declarations("dark")}}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:17px/1.6 system-ui,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1000px;margin:0 auto;padding:56px 24px 40px}
p,ol,ul{max-width:66ch;margin:0 0 14px}
h1{font-size:clamp(28px,5.2vw,46px);line-height:1.14;letter-spacing:-.02em;margin:0 0 20px;max-width:25ch;text-wrap:balance}
h2{font-size:26px;line-height:1.25;letter-spacing:-.01em;margin:72px 0 12px}
h3{font-size:16px;line-height:1.35;margin:0}
.kicker{color:var(--quiet);font-size:15px;margin:0 0 10px}
.lead{font-size:20px;line-height:1.5}
.quiet,figcaption,.lane p{color:var(--quiet);font-size:14.5px;line-height:1.5}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,160px),1fr));gap:14px;margin:32px 0 44px;padding:0}
.tile{background:var(--card);border-radius:10px;padding:16px 18px}
.tile dt{font-size:14.5px;line-height:1.4;color:var(--quiet);min-height:2.8em}
.tile dd{margin:0}
.tile .figure{font-size:32px;line-height:1.2;font-weight:650;letter-spacing:-.02em}
.tile .against{font-size:14.5px;color:var(--quiet)}
figure{margin:24px 0 0}
figcaption{max-width:66ch;margin-top:8px}
svg[role=img]{display:block;width:100%;height:auto;overflow:visible;font-family:system-ui,sans-serif;font-variant-numeric:tabular-nums}
.narrow{display:none;max-width:600px}
.lane{margin-top:22px}
.lane p{margin:0 0 6px}
.lanes{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,290px),1fr));gap:8px 30px}
.lanes .lane{max-width:440px}
.lane+.quiet,.lanes+.quiet{margin-top:12px}
.key{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;padding:0;margin:16px 0 0;max-width:none;font-size:14.5px}
.key li{display:flex;align-items:center;gap:7px}
.key svg{width:22px;height:14px;flex:none}
.phases{padding-left:1.5em;font-size:15px;max-width:none}
.phases li{margin-bottom:3px}
.phases span{color:var(--quiet)}
.scroll{overflow-x:auto;margin-top:24px}
table{border-collapse:collapse;width:100%;font-size:14.5px;line-height:1.4;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:6px 10px;border-bottom:1px solid var(--line);font-weight:400;vertical-align:top}
td{min-width:92px}
thead th{font-weight:650;vertical-align:bottom}
th[scope=row],th[scope=rowgroup]{text-align:left;padding-left:0}
th[scope=row],thead td{position:sticky;left:0;background:var(--paper);min-width:124px}
th[scope=rowgroup]{font-weight:650;padding-top:18px}
code{font:14px/1.5 ui-monospace,monospace;overflow-wrap:anywhere}
footer{margin-top:72px;border-top:1px solid var(--line);padding-top:18px}
@media (max-width:779px){main{padding:32px 16px}body{font-size:16px}.lead{font-size:18px}h2{margin-top:56px}.wide{display:none}.narrow{display:block}.tile{padding:14px}.tile .figure{font-size:26px}.tile dt{min-height:4.2em}}
`
