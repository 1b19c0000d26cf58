// The console page: follows calls over WS /logs, draws them, and sends settings.
//
// Every text is set with textContent: callers' words and the model's are a stranger's text.
// The server's `call_changed` carries a call's facts and the entries that changed; everything is drawn from these.

const EVENTS_SHOWN = 300;
const RETRY_MS = [500, 1000, 2000, 5000];
const NOT_LOGGED = new Set(["call_changed", "active_calls_list"]);

const $ = (id) => document.getElementById(id);

const calls = new Map(); // call id → facts
let entries = new Map(); // number → entry, of the selected call
let selected = null;
let reading = false; // somebody chose a call that has ended: do not lead away from it
let socket = null;
let attempts = 0;
let clockAhead = 0; // the server's clock minus ours, in ms
let sentSettings = false;
let loaded = {}; // leaf → value as the server told it

// --- Small things ------------------------------------------------------------------------------------

function make(tag, className = "", text = null) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== null) node.textContent = text;
  return node;
}

const serverNow = () => Date.now() + clockAhead;
const seconds = (ms) => `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`;

function clock(ms) {
  const whole = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function sinceStart(timestamp, call) {
  return clock(Date.parse(timestamp) - Date.parse(call.startTime));
}

const nameOf = (call) => call.callerName || call.callerId || "Unknown caller";

// --- The token: in the address once, then kept for this tab only ---------------------------------------

function takeToken() {
  const address = new URL(location.href);
  const given = address.searchParams.get("token");
  if (given) {
    sessionStorage.setItem("offhook.token", given);
    address.searchParams.delete("token");
    history.replaceState(null, "", address);
  }
}

const token = () => sessionStorage.getItem("offhook.token") || "";

function ask(path, options = {}) {
  const headers = token() ? { Authorization: `Bearer ${token()}` } : {};
  return fetch(path, { ...options, headers });
}

// --- Connection ----------------------------------------------------------------------------------------

function showConnection(state, text) {
  $("connection").dataset.state = state;
  $("connection").textContent = text;
}

async function connect() {
  let answer;
  try {
    answer = await ask("calls");
  } catch {
    return retry();
  }
  $("token-form").hidden = answer.status !== 401;
  $("main").hidden = answer.status === 401;
  if (answer.status === 401) return showConnection("lost", "Token needed");
  if (!answer.ok) return retry();
  takeCalls((await answer.json()).calls);

  const address = new URL("logs", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  if (token()) address.searchParams.set("token", token());
  socket = new WebSocket(address);
  socket.onopen = () => {
    attempts = 0;
    showConnection("live", "Live");
    refresh();
    askSettings();
  };
  socket.onmessage = (message) => take(JSON.parse(message.data));
  socket.onclose = () => {
    socket = null;
    retry();
  };
}

function retry() {
  showConnection("lost", "Connection lost, trying again…");
  setTimeout(connect, RETRY_MS[Math.min(attempts, RETRY_MS.length - 1)]);
  attempts += 1;
}

function send(request) {
  if (socket?.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(request));
  return true;
}

/** Everything anew: what happened before the WebSocket stood, or what the server had to leave out. */
async function refresh() {
  try {
    const answer = await ask("calls");
    if (answer.ok) takeCalls((await answer.json()).calls);
  } catch {
    // The socket's close brings the next attempt.
  }
}

function takeCalls(all) {
  calls.clear();
  for (const call of all) calls.set(call.callId, call);
  const newest = newestFirst()[0]?.callId ?? null;
  if (!calls.has(selected) || (mayLeave() && newest !== selected)) select(newest);
  else loadSelected();
  drawCalls();
}

/** True if nothing is lost by showing another call: none is shown, or one that ended by itself. */
function mayLeave() {
  return !reading && (!calls.has(selected) || Boolean(calls.get(selected).endTime));
}

/** Live calls before ended ones, and in each the newest first. */
function newestFirst() {
  const order = (call) => [call.endTime ? 1 : 0, -Date.parse(call.startTime)];
  return [...calls.values()].sort((a, b) => order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1]);
}

// --- What the server says ------------------------------------------------------------------------------

function take(message) {
  if (message.type === "active_calls_list") clockAhead = Date.parse(message.timestamp) - Date.now();
  switch (message.type) {
    case "call_changed":
      callChanged(message.payload);
      break;
    case "events_lost":
      refresh();
      break;
    case "call_configuration":
      fillSettings(message);
      break;
    case "config_update_ack":
      settingsApplied(message);
      break;
    case "error":
      if (sentSettings) settingsRefused(message);
      break;
  }
  if (message.source) logEvent(message);
}

function callChanged({ call, entries: changed }) {
  const wasLive = !calls.get(call.callId)?.endTime;
  calls.set(call.callId, call);
  drawCalls();
  if (!call.endTime && mayLeave()) return select(call.callId);
  if (call.callId !== selected) return;
  for (const entry of changed) takeEntry(entry);
  drawCall();
  if (wasLive && call.endTime) drawTargets();
}

// --- The list of calls -----------------------------------------------------------------------------------

function drawCalls() {
  const list = $("calls");
  const rows = newestFirst().map((call) => {
    const row = make("li");
    const button = make("button");
    button.type = "button";
    button.dataset.status = call.status;
    button.dataset.call = call.callId;
    button.setAttribute("aria-current", String(call.callId === selected));
    const who = make("span", "who");
    const lasted = make("span", "facts");
    lasted.dataset.since = call.startTime;
    if (call.endTime) lasted.dataset.until = call.endTime;
    who.append(make("span", "", nameOf(call)), lasted);
    const doing = call.outcome ? `ended: ${call.outcome.cause}` : call.activity;
    button.append(who, make("span", "what", call.dialed ? `${doing} · to ${call.dialed}` : doing));
    button.onclick = () => {
      reading = Boolean(call.endTime);
      select(call.callId);
    };
    row.append(button);
    return row;
  });
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.call : null;
  list.replaceChildren(...rows);
  if (focused) [...list.querySelectorAll("button")].find((b) => b.dataset.call === focused)?.focus();
  $("no-calls").hidden = calls.size > 0;
  drawClocks();
}

function select(callId) {
  selected = callId;
  entries = new Map();
  $("conversation").replaceChildren();
  $("events").replaceChildren();
  drawCalls();
  drawCall();
  drawTargets();
  loadSelected();
}

async function loadSelected() {
  const wanted = selected;
  if (wanted === null) return;
  try {
    const answer = await ask(`calls/${encodeURIComponent(wanted)}`);
    if (!answer.ok || wanted !== selected) return;
    const { call, entries: all } = await answer.json();
    if (wanted !== selected) return;
    calls.set(wanted, call);
    for (const entry of all) takeEntry(entry);
    drawCall();
    drawTargets();
  } catch {
    // The socket's close brings the next attempt.
  }
}

// --- The selected call -----------------------------------------------------------------------------------

function drawCall() {
  const call = calls.get(selected);
  $("call").hidden = !call;
  $("call-empty").hidden = Boolean(call);
  if (!call) return;

  $("call-title").textContent = nameOf(call);
  const facts = [call.callerName ? call.callerId : "", call.dialed ? `to ${call.dialed}` : ""];
  facts.push(call.sessionKind, call.mode, `call ${call.callId}`);
  $("call-facts").textContent = facts.filter(Boolean).join(" · ");
  $("hangup").hidden = Boolean(call.endTime);
  $("activity").textContent = call.activity;
  $("delays").textContent = delays(call.delays);

  const outcome = call.outcome;
  $("outcome").hidden = !outcome;
  if (outcome) {
    $("outcome").className = outcome.error ? "outcome error" : "outcome";
    const parts = [`${outcome.cause} (${outcome.status} ${outcome.completionCause})`];
    if (outcome.error) parts.push(outcome.error);
    if (outcome.transcription) parts.push(`“${outcome.transcription}”`);
    if (outcome.digits) parts.push(`digits ${outcome.digits}`);
    $("outcome").textContent = parts.join(" · ");
  }
  drawTimers(call);
}

function delays({ answeredMs, streamOpenedMs, firstAudioMs }) {
  const parts = [];
  if (answeredMs !== null) parts.push(`answered in ${seconds(answeredMs)}`);
  if (streamOpenedMs !== null) parts.push(`stream open in ${seconds(streamOpenedMs)}`);
  if (firstAudioMs.length) {
    const sorted = [...firstAudioMs].sort((a, b) => a - b);
    parts.push(`first audio after ${seconds(firstAudioMs.at(-1))}`);
    if (sorted.length > 1) parts.push(`median ${seconds(sorted[Math.floor(sorted.length / 2)])}`);
  }
  return parts.join(" · ");
}

function drawTimers(call) {
  const rows = call.timers.map((timer) => {
    const row = make("li");
    const left = make("span", "left");
    const bar = make("progress");
    bar.max = timer.seconds;
    bar.setAttribute("aria-label", `${timer.name}, time left`);
    row.dataset.due = timer.dueAt;
    row.append(make("span", "", timer.name), left, bar);
    return row;
  });
  $("timers").replaceChildren(...rows);
  drawClocks();
}

/** What moves without the server saying anything: timers, and how long calls have lasted. */
function drawClocks() {
  for (const row of $("timers").children) {
    const left = Math.max(0, (Date.parse(row.dataset.due) - serverNow()) / 1000);
    row.querySelector(".left").textContent = left < 100 ? `${left.toFixed(1)} s` : clock(left * 1000);
    row.querySelector("progress").value = left;
  }
  for (const lasted of document.querySelectorAll("[data-since]")) {
    const until = lasted.dataset.until ? Date.parse(lasted.dataset.until) : serverNow();
    lasted.textContent = clock(until - Date.parse(lasted.dataset.since));
  }
}

// --- The conversation --------------------------------------------------------------------------------------

function takeEntry(entry) {
  const list = $("conversation");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  const node = drawEntry(entry, calls.get(selected));
  node.dataset.number = entry.number;
  const known = entries.get(entry.number);
  entries.set(entry.number, node);
  if (known) {
    known.replaceWith(node);
  } else {
    const later = [...list.children].reverse().find((other) => Number(other.dataset.number) < entry.number);
    if (later) later.after(node);
    else list.prepend(node);
  }
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function drawEntry(entry, call) {
  const at = sinceStart(entry.timestamp, call);
  switch (entry.kind) {
    case "turn":
      return drawTurn(entry, at);
    case "function_call":
      return drawFunctionCall(entry, at);
    case "digits": {
      const node = make("li", "digits");
      for (const digit of entry.digits) node.append(make("kbd", "", digit));
      node.append(make("span", "meta", `Keypad · ${at}`));
      return node;
    }
    case "tts_prompt":
      return make("li", "note", `${at} · Prompt ${entry.text}`);
    default:
      return make("li", `note ${entry.kind === "error_message" ? "error_message" : ""}`, `${at} · ${entry.text}`);
  }
}

function drawTurn(turn, at) {
  const caller = turn.actor === "caller";
  const node = make("li", `turn ${caller ? "caller" : "bot"}`);
  node.classList.toggle("growing", !turn.final && !turn.cut && !turn.failed);
  const words = make("span", "words", turn.heard);
  if (turn.unheard) {
    const unheard = make("s", "", turn.unheard);
    unheard.title = "Not heard by the caller";
    words.append(unheard);
  }
  if (turn.final && !turn.heard && !turn.unheard) words.textContent = turn.failed ? "(not transcribed)" : "(no words)";
  const meta = [caller ? "Caller" : "Model", at];
  if (turn.delayMs !== null) meta.push(`after ${seconds(turn.delayMs)}`);
  if (turn.cut) meta.push("interrupted: struck words were not heard");
  node.append(words, make("span", "meta", meta.join(" · ")));
  return node;
}

function drawFunctionCall(call, at) {
  const node = make("li", call.failed ? "tool failed" : "tool");
  const how = call.output === null ? "running…" : `${call.failed ? "failed after" : "took"} ${seconds(call.tookMs)}`;
  node.append(make("strong", "", call.name), make("span", "meta", `Function call · ${at} · ${how}`));
  node.append(make("pre", "", pretty(call.arguments)));
  if (call.output !== null) node.append(make("pre", "", `→ ${pretty(call.output)}`));
  return node;
}

function pretty(text) {
  try {
    const value = JSON.parse(text);
    const short = JSON.stringify(value);
    return short.length < 60 ? short : JSON.stringify(value, null, 2);
  } catch {
    return text;
  }
}

// --- The event log -------------------------------------------------------------------------------------------

function logEvent(message) {
  if (NOT_LOGGED.has(message.type)) return;
  if (message.callId && message.callId !== selected) return;
  const list = $("events");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const row = make("li");
  row.dataset.level = message.logLevel;
  const item = message.payload?.itemId;
  if (item) row.dataset.item = `${message.type} ${item}`;
  const said = make("div", "said", message.type);
  const detail = details(message.payload);
  if (detail) said.append(" ", make("span", "", detail));
  row.append(make("time", "", new Date(message.timestamp).toLocaleTimeString([], { hour12: false })), said);
  // Words that grow stay one line.
  const last = list.lastElementChild;
  if (last && row.dataset.item && last.dataset.item === row.dataset.item) last.replaceWith(row);
  else list.append(row);
  while (list.children.length > EVENTS_SHOWN) list.firstElementChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function details(payload) {
  if (!payload || typeof payload !== "object") return "";
  return Object.entries(payload)
    .filter(([name, value]) => value !== "" && value !== null && !["itemId", "responseId", "callId"].includes(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
}

// --- Settings ----------------------------------------------------------------------------------------------------

const fields = () => [...document.querySelectorAll("[data-leaf]")];
const changedFields = () => fields().filter((field) => !field.disabled && field.value !== String(loaded[field.dataset.leaf] ?? ""));

function drawTargets() {
  const target = $("target");
  const before = target.value;
  const options = [new Option("the next calls", "")];
  const call = calls.get(selected);
  if (call && !call.endTime) options.push(new Option(`the running call of ${nameOf(call)}`, call.callId));
  target.replaceChildren(...options);
  target.value = options.some((option) => option.value === before) ? before : "";
  if (target.value !== before) {
    settingsStatus("");
    askSettings();
  }
}

function askSettings() {
  const callId = $("target").value;
  const request = { type: "get_call_configuration" };
  if (callId) request.callId = callId;
  for (const field of fields()) field.disabled = Boolean(callId) && "nextOnly" in field.dataset;
  send(request);
}

function leaf(tree, name) {
  if (tree === null || typeof tree !== "object") return undefined;
  if (name in tree && (tree[name] === null || typeof tree[name] !== "object")) return tree[name];
  for (const branch of Object.values(tree)) {
    const found = leaf(branch, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function fillSettings(message) {
  if ((message.callId ?? "") !== $("target").value) return;
  const edited = new Set(changedFields());
  for (const field of fields()) {
    const value = leaf(message.payload, field.dataset.leaf);
    loaded[field.dataset.leaf] = value ?? "";
    if (!edited.has(field)) field.value = String(value ?? "");
  }
  markChanged();
}

function markChanged() {
  const changed = new Set(changedFields());
  for (const field of fields()) field.toggleAttribute("data-changed", changed.has(field));
}

function settingsStatus(text, state = "") {
  $("settings-status").dataset.state = state;
  $("settings-status").textContent = text;
}

function sendSettings(event) {
  event.preventDefault();
  const session = {};
  for (const field of changedFields()) {
    session[field.dataset.leaf] = field.type === "number" ? Number(field.value) : field.value;
  }
  if (!Object.keys(session).length) return settingsStatus("Nothing was changed.");
  const request = { type: "session.update", session };
  if ($("target").value) request.callId = $("target").value;
  sentSettings = send(request);
  settingsStatus(sentSettings ? "Sending…" : "Not connected.", sentSettings ? "" : "error");
}

function settingsApplied(message) {
  sentSettings = false;
  settingsStatus(`Applied: ${Object.keys(message.appliedConfig).join(", ")}`);
  // What was sent is what the server holds now; the rest is asked for again.
  for (const field of changedFields()) loaded[field.dataset.leaf] = field.value;
  askSettings();
}

function settingsRefused(message) {
  sentSettings = false;
  settingsStatus(message.message, "error");
}

// --- Start ---------------------------------------------------------------------------------------------------------

$("token-form").onsubmit = (event) => {
  event.preventDefault();
  sessionStorage.setItem("offhook.token", $("token").value);
  $("token").value = "";
  connect();
};
$("settings-form").onsubmit = sendSettings;
$("settings-form").oninput = markChanged;
$("target").onchange = () => {
  loaded = {};
  for (const field of fields()) field.value = "";
  settingsStatus("");
  askSettings();
};
$("hangup").onclick = async () => {
  $("hangup").disabled = true;
  try {
    await ask(`calls/${encodeURIComponent(selected)}/hangup`, { method: "POST" });
  } finally {
    $("hangup").disabled = false;
  }
};

takeToken();
drawTargets();
setInterval(drawClocks, 200);
connect();
