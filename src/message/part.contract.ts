/** What holds for the tree of any octets. Used by the tests of this folder and by those over foreign mail. */
import assert from "node:assert/strict";
import { messageLimits } from "./limits.ts";
import type { MessageLimits } from "./limits.ts";
import type { MessagePart, Span } from "./part.ts";

function assertInside(inner: Span, outer: Span, what: string): void {
  assert.ok(outer.start <= inner.start && inner.start <= inner.end && inner.end <= outer.end, `${what}: ${inner.start}-${inner.end} in ${outer.start}-${outer.end}`);
}

/** Offsets lie in the content, bodies behind headers, parts inside bodies and behind each other, and no limit is exceeded. */
export function assertTree(content: Buffer, root: MessagePart, limits: MessageLimits = messageLimits): void {
  let parts = 0;
  const visit = (part: MessagePart, outer: Span, depth: number): void => {
    parts++;
    assert.ok(depth <= limits.depthMax, "depth");
    assertInside(part.header, outer, "header");
    assertInside(part.body, outer, "body");
    assert.equal(part.body.start, part.header.end, "the body follows the header");
    assert.equal(part.octets, part.body.end - part.body.start);
    assert.ok(part.fields.length <= limits.fieldsMax, "fields");
    let at = part.header.start;
    for (const field of part.fields) {
      assert.ok(at <= field.start && field.start < field.valueStart && field.valueStart <= field.valueEnd && field.valueEnd <= field.end && field.end <= part.header.end, "field");
      assert.equal(content.toString("latin1", field.start, field.start + field.name.length), field.name);
      assert.equal(content[field.valueStart - 1], 58);
      at = field.end;
    }
    assert.equal(part.kind === "message", part.message !== null);
    assert.ok(part.kind === "multipart" || part.children.length === 0);
    if (part.message !== null) {
      assert.equal(part.message.header.start, part.body.start);
      assert.equal(part.message.body.end, part.body.end);
      visit(part.message, part.body, depth + 1);
    }
    let from = part.body.start;
    for (const child of part.children) {
      visit(child, { start: from, end: part.body.end }, depth + 1);
      from = child.body.end;
    }
  };
  visit(root, { start: 0, end: content.length }, 0);
  assert.equal(root.header.start, 0);
  assert.equal(root.body.end, content.length, "nothing is left over");
  // The opaque rest is a part of its own.
  assert.ok(parts <= limits.partsMax + 1, "parts");
}
