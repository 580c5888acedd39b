// Unpacks what the page holds and lets Evidently draw the chosen window. The policy admits this script and
// Evidently's, each by its hash, and no other.
const held = (id) => document.getElementById(id).textContent;
const unpacked = (packed) => {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
};
const show = async () => {
  const number = document.getElementById("window").value;
  for (const part of document.querySelectorAll(".about")) part.hidden = part.dataset.window !== number;
  const root = document.createElement("div");
  root.id = `drawn-${number}`;
  document.getElementById("drawn").replaceChildren(root);
  const { info, graphs } = JSON.parse(await unpacked(held(`window-${number}`)));
  if (info) window.drawDashboard(info, new Map(Object.entries(graphs)), root.id);
};
const start = async () => {
  globalThis.global = globalThis;
  const library = document.createElement("script");
  library.textContent = await unpacked(held("library"));
  document.head.append(library);
  document.getElementById("window").addEventListener("change", show);
  await show();
};
start().catch((error) => { document.getElementById("drawn").textContent = `This page cannot be shown here: ${error}`; });
