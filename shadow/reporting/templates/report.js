"use strict";
for (const pre of document.querySelectorAll(".rule pre")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy the rule";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select it and copy it by hand";
    }
  });
  pre.after(button);
}
