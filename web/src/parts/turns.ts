/** Whose turn it is to do something about an error of Microsoft's, in a sentence. */
export const TURNS: Record<string, string> = {
  tenant_administrator: "The tenant's administrator can mend this.",
  postern_administrator: "This is mended here, in Postern.",
  sender: "Whoever sends the mail can mend this.",
  wait: "This passes by itself; try again later.",
};
