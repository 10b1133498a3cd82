// What stands in $[…] of a dialplan: https://docs.asterisk.org/Configuration/Dialplan/Expressions/

type Value = string;

const BINDING: Readonly<Record<string, number>> = {
  "|": 1,
  "&": 2,
  "=": 3,
  "!=": 3,
  ">": 3,
  "<": 3,
  ">=": 3,
  "<=": 3,
  "+": 4,
  "-": 4,
  "*": 5,
  "=~": 6,
};
const TOKEN = /\s*("(?:[^"]*)"|=~|!=|>=|<=|[|&=<>+*()]|-(?![\w.])|[^\s"|&=<>!+*()]+)/y;

export const isTrue = (value: string): boolean => value.trim() !== "" && value.trim() !== "0";
const flag = (is: boolean): Value => (is ? "1" : "0");

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; at < text.trimEnd().length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const [, token] = TOKEN.exec(text) ?? [];
    if (token === undefined) throw new Error(`no expression of a dialplan: ${text}`);
    tokens.push(token);
  }
  return tokens;
}

function compared(operator: string, left: Value, right: Value): Value {
  const [a, b] = [Number(left), Number(right)];
  const numbers = left !== "" && right !== "" && !Number.isNaN(a) && !Number.isNaN(b);
  const order = numbers ? a - b : left < right ? -1 : left > right ? 1 : 0;
  if (operator === "=") return flag(order === 0);
  if (operator === "!=") return flag(order !== 0);
  if (operator === ">") return flag(order > 0);
  if (operator === "<") return flag(order < 0);
  return flag(operator === ">=" ? order >= 0 : order <= 0);
}

function applied(operator: string, left: Value, right: Value): Value {
  if (operator === "|") return isTrue(left) ? left : isTrue(right) ? right : "0";
  if (operator === "&") return flag(isTrue(left) && isTrue(right));
  if (operator === "+") return String(Number(left) + Number(right));
  if (operator === "-") return String(Number(left) - Number(right));
  if (operator === "*") return String(Number(left) * Number(right));
  if (operator === "=~") return flag(new RegExp(right).test(left));
  return compared(operator, left, right);
}

/** The value of an expression in which every variable has been replaced. Throws on what the shipped dialplan does not use. */
export function evaluated(text: string): Value {
  const tokens = tokensOf(text);
  let at = 0;
  const primary = (): Value => {
    const token = tokens[at++] ?? "";
    if (token !== "(") return token.startsWith('"') ? token.slice(1, -1) : token;
    const inner = climb(1);
    at++;
    return inner;
  };
  function climb(least: number): Value {
    let left = primary();
    for (;;) {
      const operator = tokens[at] ?? "";
      const binding = BINDING[operator] ?? 0;
      if (binding < least) return left;
      at++;
      left = applied(operator, left, climb(binding + 1));
    }
  }
  const value = climb(1);
  if (at < tokens.length) throw new Error(`no expression of a dialplan: ${text}`);
  return value;
}
