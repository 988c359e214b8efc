/**
 * Stands in for a language model: says what it was told last, and repeats the question. In a service of yours the model's own client stands here;
 * PromptForge calls no model.
 */
export async function complete({ system, user }) {
  const told = system.trimEnd().split('\n').at(-1);
  return `(told: ${told}) You asked: ${user}`;
}
