// Buttons that copy an address. They are hidden where the browser does not let a page copy.

const SAID = 2000;

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  const word = button.querySelector("span");
  const use = button.querySelector("use");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    word.textContent = "Tersalin";
    use.setAttribute("href", "#icon-check");
    setTimeout(() => {
      word.textContent = "Salin";
      use.setAttribute("href", "#icon-copy");
    }, SAID);
  });
}
