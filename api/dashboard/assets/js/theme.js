// Before the first paint, so that nothing flashes: the theme the person chose last. A classic script on purpose, since modules wait.
const chosen = localStorage.getItem("theme");
if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
