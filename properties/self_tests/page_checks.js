// What is wrong with a page as it stands in the browser: a list of sentences. Used by test_report_browser.py.
// Widths are CSS pixels; SLACK is what rounding to whole pixels may do.
const SLACK = 1;
const wrong = [];
const short = (text) => JSON.stringify(text.trim().replace(/\s+/g, " ").slice(0, 60));
const seen = (element) => element.getClientRects().length > 0 && getComputedStyle(element).visibility !== "hidden";

// Nothing is wider than the window, but in boxes that scroll by themselves.
const width = document.documentElement.clientWidth;
if (document.scrollingElement.scrollWidth > width) {
  wrong.push(`the page is ${document.scrollingElement.scrollWidth} wide, the window ${width}`);
}
for (const element of document.querySelectorAll("body *")) {
  if (!seen(element) || element.closest(".scroll > *, .skip, svg *")) continue;
  const box = element.getBoundingClientRect();
  if (box.right > width + SLACK || box.left < -SLACK) {
    wrong.push(`<${element.localName}> ${short(element.textContent)} reaches from ${box.left} to ${box.right} of ${width}`);
  }
}

// The cells of a table hold their text.
for (const cell of document.querySelectorAll("th, td")) {
  if (!seen(cell)) continue;
  const range = document.createRange();
  range.selectNodeContents(cell);
  const text = range.getBoundingClientRect(), box = cell.getBoundingClientRect();
  if (text.left < box.left - SLACK || text.right > box.right + SLACK) {
    wrong.push(`the cell ${short(cell.textContent)} is ${box.width} wide, its text ${text.width}`);
  }
}

// In a figure, no text is cut off, and none lies on another.
for (const figure of document.querySelectorAll("svg")) {
  if (!seen(figure)) continue;
  const frame = figure.getBoundingClientRect();
  const texts = [...figure.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
  texts.forEach(([text, box], index) => {
    if (box.left < frame.left - SLACK || box.right > frame.right + SLACK) {
      wrong.push(`${short(text)} is cut off: ${box.left} to ${box.right} in a figure from ${frame.left} to ${frame.right}`);
    }
    if (box.top < frame.top - SLACK || box.bottom > frame.bottom + SLACK) {
      wrong.push(`${short(text)} is cut off above or below`);
    }
    for (const [other, its] of texts.slice(index + 1)) {
      const across = Math.min(box.right, its.right) - Math.max(box.left, its.left);
      const down = Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top);
      // A line's box has room above and below its letters.
      if (across > SLACK && down > 0.3 * Math.min(box.height, its.height)) {
        wrong.push(`${short(text)} lies on ${short(other)}`);
      }
    }
  });
  if (frame.height < 40 || texts.length === 0) wrong.push("a figure is empty");
}

// Text and marks stand out from their ground: WCAG 2.2, 4.5:1 for text (1.4.3), 3:1 for graphics (1.4.11).
const colour = (text) => {
  const numbers = text.match(/[\d.]+(e-?\d+)?/g).map(Number);
  const scale = text.startsWith("color(srgb") ? 1 : 255;
  return { rgb: numbers.slice(0, 3).map((value) => value / scale), alpha: numbers.length > 3 ? numbers[3] : 1 };
};
const luminance = ({ rgb }) => {
  const [r, g, b] = rgb.map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (one, other) => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const ground = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const found = colour(getComputedStyle(at).backgroundColor);
    if (found.alpha === 1) return found;
  }
  return colour("rgb(255, 255, 255)");
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const told = new Set();
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !seen(element) || ["STYLE", "title"].includes(element.nodeName)) continue;
  const style = getComputedStyle(element);
  const ink = colour(element.closest("svg") ? style.fill : style.color);
  const ratio = contrast(ink, ground(element));
  const key = `${style.color} ${style.fill} ${ratio}`;
  if (!(ratio >= 4.5) && !told.has(key)) {
    told.add(key);
    wrong.push(`contrast ${ratio.toFixed(2)} of ${short(element.textContent)}`);
  }
}
for (const use of document.querySelectorAll("svg use")) {
  if (!seen(use)) continue;
  const style = getComputedStyle(use), behind = ground(use);
  const inks = [style.fill, style.stroke].filter((ink) => ink !== "none").map(colour);
  const best = Math.max(...inks.map((ink) => contrast(ink, behind)));
  const isTick = use.closest("g").querySelector("title") === null;
  if (!isTick && !(best >= 3)) wrong.push(`contrast ${best.toFixed(2)} of the mark ${short(use.textContent)}`);
}

// Nothing is empty, and no value has gone astray.
for (const element of document.querySelectorAll("section, figure, figcaption, td, th, p, li, h1, h2, h3, summary")) {
  if (seen(element) && !element.textContent.trim()) {
    wrong.push(`<${element.localName}> is empty`);
  }
}
const astray = document.body.innerText.match(/\b(nan|NaN|None|undefined|inf|Infinity|null)\b|var\(|\{\{|<Undefined/);
if (astray) wrong.push(`the text has ${short(astray[0])}`);
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
const twice = ids.filter((id, index) => ids.indexOf(id) !== index);
if (twice.length) wrong.push(`ids that are there twice: ${twice.slice(0, 5)}`);
for (const link of document.querySelectorAll("a[href^='#']")) {
  if (!document.getElementById(link.getAttribute("href").slice(1))) wrong.push(`${link.href} leads nowhere`);
}
return wrong;
