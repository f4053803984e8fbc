// What a page owes to everybody, measured as it stands: a list of complaints, empty when all is well. Run in the page by accessibility.py.
() => {
  const complaints = [];
  const shown = (node) => node.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && node.getClientRects().length > 0;
  const named = (node) => `<${node.tagName.toLowerCase()} ${[...node.attributes].map((a) => `${a.name}="${a.value}"`).join(" ")}>`.slice(0, 120);
  const all = (selector) => [...document.querySelectorAll(selector)].filter(shown);

  // colours: WCAG 2 relative luminance, on whatever ground lies behind the text
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const ground = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), rgba("canvas"));
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !shown(node) || node.closest("svg, noscript, option")) continue;
    const style = getComputedStyle(node);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const behind = ground(node);
    const found = ratio(over(rgba(style.color), behind), behind);
    if (found < (large ? 3 : 4.5)) complaints.push(`contrast ${found.toFixed(2)} of "${texts.currentNode.data.trim().slice(0, 30)}" in ${named(node)}`);
  }
  for (const field of all("input:not([type=hidden],[type=radio],[type=checkbox]), select, textarea")) {
    const found = ratio(rgba(getComputedStyle(field).borderTopColor), ground(field.parentElement));
    if (found < 3) complaints.push(`contrast ${found.toFixed(2)} of the border of ${named(field)}`);
  }

  // names
  for (const field of all("input:not([type=hidden]), select, textarea, audio")) {
    const label = [...(field.labels ?? [])].some((one) => one.textContent.trim()) || field.ariaLabel || field.getAttribute("aria-labelledby");
    if (!label) complaints.push(`no label: ${named(field)}`);
  }
  for (const node of all("a, button, summary, [role=slider], nav, table, fieldset")) {
    const by = node.getAttribute("aria-labelledby");
    const name = node.ariaLabel || (by && document.getElementById(by)?.textContent.trim());
    const own = { TABLE: "caption", FIELDSET: "legend" }[node.tagName];
    const inside = own ? node.querySelector(own)?.textContent.trim() : ["A", "BUTTON", "SUMMARY"].includes(node.tagName) && node.textContent.trim();
    if (!name && !inside) complaints.push(`no name: ${named(node)}`);
  }
  for (const attribute of ["aria-labelledby", "aria-describedby", "for", "aria-controls"])
    for (const node of document.querySelectorAll(`[${attribute}]`))
      for (const id of node.getAttribute(attribute).split(/\s+/)) if (!document.getElementById(id)) complaints.push(`${attribute} of nothing: ${named(node)}`);
  for (const image of all("img:not([alt])")) complaints.push(`no alt: ${named(image)}`);
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  for (const id of new Set(ids.filter((one, i) => ids.indexOf(one) !== i))) complaints.push(`twice: id="${id}"`);

  // order
  if (!/^(nl|en)$/.test(document.documentElement.lang)) complaints.push(`lang="${document.documentElement.lang}"`);
  if (!document.title.trim()) complaints.push("no title");
  if (document.querySelectorAll("main").length !== 1) complaints.push("not one main");
  const headings = all("h1, h2, h3, h4, h5, h6").map((node) => Number(node.tagName[1]));
  if (headings.filter((level) => level === 1).length !== 1) complaints.push(`h1: ${headings.filter((level) => level === 1).length}`);
  headings.forEach((level, i) => level > (headings[i - 1] ?? 0) + 1 && complaints.push(`h${level} after h${headings[i - 1] ?? 0}`));
  for (const node of document.querySelectorAll("[tabindex]")) if (node.tabIndex > 0) complaints.push(`tabindex: ${named(node)}`);
  for (const cell of document.querySelectorAll("tbody td:not(:empty)")) if (!cell.dataset.label) complaints.push(`no data-label for a phone: ${named(cell)}`);
  for (const head of document.querySelectorAll("thead th")) if (head.scope !== "col") complaints.push(`no scope: ${named(head)}`);

  // the inline is forbidden by the policy of the page; a browser would only ignore it
  for (const node of document.querySelectorAll("[style], style, script:not([src])")) complaints.push(`inline: ${named(node)}`);
  for (const node of document.querySelectorAll("*")) for (const { name } of node.attributes) if (name.startsWith("on")) complaints.push(`inline: ${named(node)}`);

  // targets of fingers: WCAG 2.2, 2.5.8, except links within sentences
  for (const node of all("button, select, input:not([type=hidden]), summary, .button, nav a")) {
    const box = node.getBoundingClientRect();
    const target = node.matches("[type=radio], [type=checkbox]") ? (node.closest("label") ?? node).getBoundingClientRect() : box;
    if (Math.min(target.width, target.height) < 24) complaints.push(`small target ${target.width.toFixed()}x${target.height.toFixed()}: ${named(node)}`);
  }
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) {
    const wide = [...document.body.querySelectorAll("*")].filter((node) => node.getBoundingClientRect().right > innerWidth + 1 && !node.closest(".unseen, thead"));
    complaints.push(`wider than the page (${document.documentElement.scrollWidth} > ${innerWidth}): ${wide.slice(0, 3).map(named).join(" ")}`);
  }
  return complaints;
};
