/* What is wrong with the page for somebody who reads badly, uses a keyboard or a phone: a list of sentences.

   Our own instead of a library: it is short, runs inside the page whatever its content security policy, and says what we
   promise. Contrast is WCAG 2.2 AA: 4.5, and 3 for large text. */
() => {
  const problems = [];
  for (const change of document.getAnimations()) change.finish();  // colours are read as they stay, not half-way
  const named = (element) => `<${element.tagName.toLowerCase()}${element.id ? " #" + element.id : ""}${
    element.className && element.className.baseVal === undefined ? " ." + String(element.className).split(" ").join(".") : ""}>`;
  const shown = (element) => element.checkVisibility({opacityProperty: true, visibilityProperty: true})
    && element.getClientRects().length > 0 && !element.closest(".visually-hidden, .skip-to-content-link");

  // The document
  if (!document.documentElement.lang) problems.push("The page names no language.");
  if (!document.title.trim()) problems.push("The page has no title.");
  const count = (selector) => document.querySelectorAll(selector).length;
  if (count("h1") !== 1) problems.push(`The page has ${count("h1")} h1 instead of one.`);
  if (count("main") !== 1) problems.push(`The page has ${count("main")} main landmarks instead of one.`);
  let level = 0;
  for (const heading of document.querySelectorAll("main h1, main h2, main h3, main h4, main h5")) {
    const own = Number(heading.tagName[1]);
    if (shown(heading) && own > level + 1 && level) problems.push(`Heading skips a level: ${heading.textContent.trim()}`);
    if (shown(heading)) level = own;
  }
  const ids = new Map();
  for (const element of document.querySelectorAll("[id]")) ids.set(element.id, (ids.get(element.id) || 0) + 1);
  for (const [id, times] of ids) if (times > 1) problems.push(`The id ${id} is used ${times} times.`);
  const unit = document.documentElement;
  if (unit.scrollWidth > unit.clientWidth) {
    const wide = [...document.querySelectorAll("body *")].find((e) => e.getBoundingClientRect().right > unit.clientWidth + 1
      && !e.closest(".results, .scrolling, .inline-group, .visually-hidden"));
    problems.push(`The page is ${unit.scrollWidth} wide in a window of ${unit.clientWidth}: ${wide ? named(wide) : "?"}`);
  }

  // Names of what can be operated
  const text = (id) => (document.getElementById(id) || {textContent: ""}).textContent.trim();
  const nameOf = (e) => [
    e.getAttribute("aria-label"), ...(e.getAttribute("aria-labelledby") || "").split(" ").map(text),
    ...[...(e.labels || [])].flatMap((l) => [l.textContent, ...[...l.querySelectorAll("img")].map((i) => i.alt)]),
    e.textContent, e.title, ...[...e.querySelectorAll("[title]")].map((part) => part.title),
    ["submit", "button", "reset"].includes(e.type) ? e.value : "", ...[...e.querySelectorAll("img")].map((i) => i.alt),
  ].some((name) => name && name.trim());
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    const labelled = nameOf({getAttribute: (n) => field.getAttribute(n), labels: field.labels, textContent: "", title: field.title,
      type: field.type, value: field.value, querySelectorAll: () => []});
    if (shown(field) && !labelled) problems.push(`A field without a label: ${named(field)} ${field.name}`);
  }
  for (const control of document.querySelectorAll("a[href], button, summary, [role=button]")) {
    if (shown(control) && !nameOf(control)) problems.push(`A control without a name: ${named(control)}`);
  }
  for (const image of document.querySelectorAll("img:not([alt])")) problems.push(`An image without alt: ${image.src}`);
  for (const element of document.querySelectorAll("[tabindex]")) {
    if (element.tabIndex > 0) problems.push(`A tab order of its own: ${named(element)}`);
  }

  // Contrast
  const rgba = (colour) => {
    const [r, g, b, a = "1"] = colour.match(/[\d.]+/g) || ["0", "0", "0", "0"];
    return [Number(r), Number(g), Number(b), Number(a)];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const ground = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.backgroundImage !== "none" && !style.backgroundImage.includes("svg")) return null;
      layers.push(rgba(style.backgroundColor));
      if (layers[layers.length - 1][3] === 1) break;
    }
    return layers.reduceRight((below, layer) => over(layer, below), [255, 255, 255, 1]);
  };
  const light = (c) => [0, 1, 2].map((i) => c[i] / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (ink, below) => {
    const [a, b] = [light(over(rgba(ink), below)), light(below)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const seen = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !shown(element) || element.closest("script, style, noscript, option, :disabled")) continue;
    const style = getComputedStyle(element), below = ground(element);
    if (!below) continue;
    const ink = element.closest("svg") ? style.fill : style.color;
    const ratio = contrast(ink, below), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const key = `${ink} on rgb(${below.slice(0, 3).map(Math.round)}) in ${named(element)}`;
    if (ratio < (large ? 3 : 4.5) && !seen.has(key)) {
      seen.add(key);
      problems.push(`Contrast ${ratio.toFixed(2)}: ${key} "${walker.currentNode.textContent.trim().slice(0, 30)}"`);
    }
  }

  // Plots: one drawing is shown, its texts can be read and keep clear of each other, its marks stand out (WCAG 1.4.11)
  for (const figure of document.querySelectorAll("figure.plot")) {
    const drawn = [...figure.querySelectorAll(".plot-drawing")].filter((e) => e.getClientRects().length > 0);
    if (drawn.length !== 1) problems.push(`${drawn.length} drawings are shown for ${figure.getAttribute("aria-labelledby")}`);
    for (const svg of drawn) {
      const box = svg.getBoundingClientRect(), below = ground(figure), scale = box.width / svg.viewBox.baseVal.width;
      const names = (svg.getAttribute("aria-labelledby") || "").split(" ").map(text);
      if (svg.getAttribute("role") !== "img" || names.length !== 2 || !names.every(Boolean)) problems.push(`A drawing without a name: ${svg.classList}`);
      const written = [...svg.querySelectorAll("text")].map((e) => [e, e.getBoundingClientRect()]);
      written.forEach(([element, own], n) => {
        const size = parseFloat(getComputedStyle(element).fontSize) * scale;
        if (size < 11.95) problems.push(`A text of ${size.toFixed(1)} px in a plot: ${element.textContent}`);
        if (own.left < box.left - 1 || own.right > box.right + 1 || own.top < box.top - 1 || own.bottom > box.bottom + 1) {
          problems.push(`A text leaves its plot: ${element.textContent}`);
        }
        for (const [other, its] of written.slice(n + 1)) {
          const wide = Math.min(own.right, its.right) - Math.max(own.left, its.left);
          const high = Math.min(own.bottom, its.bottom) - Math.max(own.top, its.top);
          if (wide > 1 && high > 3) problems.push(`Texts overlap in a plot: ${element.textContent} / ${other.textContent}`);
        }
      });
      for (const mark of svg.querySelectorAll("line, path, circle, rect")) {
        if (mark.matches(".plot-grid, .plot-cone, .plot-sign-in")) continue;  // helpers, the inside of a cone with edges, of a sign
        const style = getComputedStyle(mark);
        const best = Math.max(...[style.stroke, style.fill].filter((ink) => ink.startsWith("rgb")).map((ink) => contrast(ink, below)), 0);
        if (best < 3) problems.push(`A mark of contrast ${best.toFixed(2)}: ${mark.getAttribute("class")}`);
      }
    }
  }
  return problems;
}
