// A test of TypeScript or JavaScript against a cassette: the SDK finds the replay server in
// ANTHROPIC_BASE_URL, set by `tokentape replay CASSETTE -- npm test` or by the fixture tokentape_server.
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";

const ask = {
  model: "claude-sonnet-4-6",
  max_tokens: 50,
  messages: [{ role: "user", content: "Say hello." }],
};

test("a greeting, whole", async () => {
  const reply = await new Anthropic().messages.create(ask);
  assert.equal(reply.role, "assistant");
  assert.equal(reply.content[0].type, "text");
});

test("a greeting, as a stream", async () => {
  const stream = new Anthropic().messages.stream(ask);
  let events = 0;
  for await (const _ of stream) events += 1;
  assert.ok(events > 1);
  assert.equal((await stream.finalMessage()).content[0].type, "text");
});
