/** What a SIPp scenario is made of: each step is XML, in the order in which it happens. */
export type Step = string;

export interface Sdp {
  /** As in the m-line, most wanted first. */
  readonly types?: string;
  readonly direction?: "sendrecv" | "sendonly" | "inactive";
  readonly lines?: readonly string[];
  /** The keyword of the port that is offered; "rtp_port" unless told. */
  readonly port?: string;
  readonly version?: number;
}

/** The session's description, with the test's own port in it. */
export function sdp({ types = "0 101", direction = "sendrecv", lines = [], port = "rtp_port", version = 1 }: Sdp) {
  const known = ["0 PCMU/8000", "8 PCMA/8000", "9 G722/8000", "13 CN/8000", "4 G723/8000", "101 telephone-event/8000"];
  const wanted = types.split(" ");
  return [
    "v=0",
    `o=sipp 1 ${version} IN IP4 127.0.0.1`,
    "s=-",
    "c=IN IP4 127.0.0.1",
    "t=0 0",
    `m=audio [${port}] RTP/AVP ${types}`,
    ...known.filter((line) => wanted.includes(line.split(" ")[0] ?? "")).map((line) => `a=rtpmap:${line}`),
    ...lines,
    `a=${direction}`,
  ];
}

interface Request {
  /** The first line's method. */
  readonly method: string;
  readonly headers?: readonly string[];
  readonly body?: readonly string[];
  readonly type?: string;
  readonly from?: string;
  /** The CSeq's number. */
  readonly number?: number;
  /** Of a CANCEL: how many steps ago the INVITE was. */
  readonly back?: number;
}

const FROM = '"Caller" <sip:201@127.0.0.1:[local_port]>';

/** A request inside the dialog, once there is one; the first INVITE is made by `invite`. */
function request({
  method,
  headers = [],
  body,
  type = "application/sdp",
  from = FROM,
  number = 1,
  back = 1,
}: Request): Step {
  const first = method === "INVITE" && number === 1;
  const outside = first || method === "CANCEL";
  const target = "sip:[service]@[remote_ip]:[remote_port]";
  // A CANCEL has the branch of what it cancels (RFC 3261, section 9.1).
  const branch = method === "CANCEL" ? `[branch-${back}]` : "[branch]";
  const lines = [
    `${method} ${target} SIP/2.0`,
    `Via: SIP/2.0/UDP [local_ip]:[local_port];branch=${branch};rport`,
    `From: ${from};tag=[pid]SIPp[call_number]`,
    `To: <${target}>${outside ? "" : "[peer_tag_param]"}`,
    "Call-ID: [call_id]",
    `CSeq: ${number} ${method}`,
    "Contact: <sip:201@[local_ip]:[local_port]>",
    "Max-Forwards: 70",
    ...headers,
    ...(body ? [`Content-Type: ${type}`, "Content-Length: [len]", "", ...body] : ["Content-Length: 0", "", ""]),
  ];
  return `<send${outside && first ? ' retrans="500"' : ""}><![CDATA[\n\n${lines.join("\n")}\n\n]]></send>`;
}

export const invite = (options: Omit<Request, "method"> = {}): Step =>
  request({ body: sdp({}), ...options, method: "INVITE" });
/** An INVITE that describes nothing: the answer will be the offer. */
export const inviteWithout = (options: Omit<Request, "method" | "body"> = {}): Step =>
  request({ ...options, method: "INVITE" });
export const send = (method: string, options: Omit<Request, "method"> = {}): Step => request({ ...options, method });
export const ack = (options: Omit<Request, "method"> = {}): Step => request({ ...options, method: "ACK" });

export interface Expected {
  readonly optional?: boolean;
  /** A regular expression that must be found in the message. */
  readonly with?: string;
  /** What its first group found is [$name] from then on. */
  readonly name?: string;
}

export function receive(status: number, { optional = false, with: found, name }: Expected = {}): Step {
  const check = found
    ? `<action><ereg regexp="${escaped(found)}" search_in="msg" check_it="true" assign_to="${["seen", ...(name ? [name] : [])].join(",")}"/></action>`
    : "";
  return `<recv response="${status}"${optional ? ' optional="true"' : ""}>${check}</recv>`;
}

export const receiveRequest = (method: string): Step => `<recv request="${method}"></recv>`;

/** Answers the request that came last. */
export function answer(status: string): Step {
  const copied = ["Via", "From", "To", "Call-ID", "CSeq"].map((name) => `[last_${name}:]`);
  return `<send><![CDATA[\n\n${[`SIP/2.0 ${status}`, ...copied, "Contact: <sip:201@[local_ip]:[local_port]>", "Content-Length: 0", "", ""].join("\n")}\n\n]]></send>`;
}

/** Tells the test that the scenario has come so far: what `meanwhile` is given as `reached` waits for it. In the file: where SIPp is, and the call. SIPp takes a command as it stands, entities and all. */
export const mark = (name: string): Step =>
  `<nop><action><exec command="echo [local_port] [call_id] > [marks]/${name}.part; mv [marks]/${name}.part [marks]/${name}"/></action></nop>`;

/** The mark at which the scenario waits for the end of what happens meanwhile. */
export const TALKING = "talking";
const TALK_MS = 40_000;

/** Goes on when all that happens meanwhile has happened: the request comes from the test, not from the PBX. */
export const talk = (): Step[] => [mark(TALKING), `<recv request="INFO" timeout="${TALK_MS}"></recv>`];

export const pause = (ms: number): Step => `<pause milliseconds="${ms}"/>`;

/** Rings, is answered, and the answer is confirmed. */
export const answered = (offer: Omit<Request, "method"> = {}, expected: Expected = {}): Step[] => [
  invite(offer),
  receive(100, { optional: true }),
  receive(180, { optional: true }),
  receive(183, { optional: true }),
  receive(200, expected),
  ack(),
];

export const bye = (number: number): Step[] => [send("BYE", { number }), receive(200)];

export const scenario = (steps: readonly (Step | readonly Step[])[]): string => {
  const text = steps.flat().join("\n");
  const seen = text.includes('assign_to="seen') ? '<Reference variables="seen"/>' : "";
  return `<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="test">\n${text}\n${seen}\n</scenario>\n`;
};

const escaped = (text: string): string => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
