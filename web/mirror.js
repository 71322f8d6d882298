// The window for those who do not see it: an element over the canvas for each that is drawn there, with its name, role and
// value. What is done to it is done in the window. Pointers go through to the canvas.

const layer = document.getElementById('mirror');
const live = document.getElementById('spoken');
/** Time between two sentences for somebody who listens. */
const SPOKEN_EVERY = 10_000;

const held = new Map();
let spokenAt = 0;
let newest = '';
let waiting = 0;

const touch = (id, deed, value = null) => window.greatLab.touch(id, deed, value);

// The keys that an element has a use for; all others are the window's.
const OWN_KEYS = {
  button: ['Enter', ' '], slider: ['ArrowUp', 'ArrowRight', 'ArrowDown', 'ArrowLeft', 'Home', 'End', 'PageUp', 'PageDown'],
  spinbutton: null, textbox: null,
};

function make(told) {
  const { id, role } = told;
  const types = { text: 'span', slider: 'div', progressbar: 'div', img: 'div', heading: 'div', spinbutton: 'input', textbox: 'input' };
  const element = document.createElement(types[role] ?? 'button');
  element.dataset.role = role;
  if (['slider', 'progressbar', 'img', 'heading', 'spinbutton', 'checkbox', 'radio', 'link'].includes(role)) {
    element.setAttribute('role', role);
  }
  if (role === 'heading') element.setAttribute('aria-level', 2);
  if (role === 'combobox') element.setAttribute('aria-haspopup', 'listbox');
  if (role === 'slider') element.tabIndex = 0;
  if (element.tagName === 'BUTTON') element.type = 'button';
  element.addEventListener('focus', () => touch(id, 'focus'));
  if (element.tagName === 'BUTTON') element.addEventListener('click', () => touch(id, 'press'));
  if (element.tagName === 'INPUT') {
    element.type = 'text';
    element.addEventListener('change', () => {
      const number = Number(element.value.replace(',', '.'));
      if (role === 'textbox') touch(id, 'text', element.value);
      else if (element.value.trim() && Number.isFinite(number)) touch(id, 'number', number);
    });
  }
  element.addEventListener('keydown', (event) => keydown(event, held.get(id).told));
  return element;
}

function keydown(event, told) {
  const kind = told.role === 'slider' ? 'slider' : ['spinbutton', 'textbox'].includes(told.role) ? told.role : 'button';
  const own = OWN_KEYS[kind];
  if (event.key === 'Tab' || event.ctrlKey || event.metaKey || event.altKey) return;
  if (kind === 'slider' && own.includes(event.key)) {
    event.preventDefault();
    if (event.key === 'Home' && told.least !== undefined) touch(told.id, 'number', told.least);
    else if (event.key === 'End' && told.most !== undefined) touch(told.id, 'number', told.most);
    else touch(told.id, ['ArrowUp', 'ArrowRight', 'PageUp'].includes(event.key) ? 'up' : 'down');
    return;
  }
  if (own === null || own.includes(event.key)) return;
  // A shortcut of the window's.
  if (window.greatLab.touch('', 'key', event.key.length === 1 ? event.key.toUpperCase() : event.key)) event.preventDefault();
}

function set(element, name, value) {
  if (value === undefined || value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

function show(element, told) {
  const [left, top, width, height] = told.rect;
  element.style.cssText = `left:${left}px;top:${top}px;width:${width}px;height:${height}px`;
  const shown = told.value !== undefined && told.value !== told.name ? `${told.name}: ${told.value}` : told.name;
  if (told.role === 'text') {
    if (element.textContent !== told.name) element.textContent = told.name;
    return;
  }
  set(element, 'aria-label', ['slider', 'spinbutton', 'textbox', 'progressbar'].includes(told.role) ? told.name : shown);
  set(element, 'aria-disabled', told.disabled ? true : undefined);
  if ('disabled' in element) element.disabled = Boolean(told.disabled);
  else if (told.role === 'slider') element.tabIndex = told.disabled ? -1 : 0;
  set(element, 'aria-expanded', told.role === 'combobox' ? Boolean(told.expanded) : told.expanded);
  if (['checkbox', 'radio'].includes(told.role)) set(element, 'aria-checked', told.checked ?? 'false');
  else set(element, 'aria-pressed', told.role === 'link' ? undefined : told.checked);
  if (['slider', 'spinbutton', 'progressbar'].includes(told.role)) {
    set(element, 'aria-valuenow', told.number ?? 0);
    set(element, 'aria-valuemin', told.least);
    set(element, 'aria-valuemax', told.most);
    set(element, 'aria-valuetext', told.value);
  }
  if (element.tagName === 'INPUT' && document.activeElement !== element) element.value = told.value ?? told.number ?? '';
}

/** Shows these elements, and says this sentence when there is somebody to hear it. */
window.greatLabMirror = (json, sentence) => {
  const all = JSON.parse(json);
  const left = new Set(held.keys());
  let next = layer.firstElementChild;
  for (const told of all) {
    let kept = held.get(told.id);
    if (kept && kept.told.role !== told.role) {
      if (kept.element === next) next = next.nextElementSibling;
      kept.element.remove();
      kept = undefined;
    }
    kept ??= { element: make(told) };
    const text = JSON.stringify(told);
    const isNew = kept.text !== text;
    Object.assign(kept, { told, text });
    held.set(told.id, kept);
    left.delete(told.id);
    if (kept.element === next) next = next.nextElementSibling;
    else layer.insertBefore(kept.element, next);
    if (isNew) show(kept.element, told);
  }
  for (const id of left) {
    held.get(id).element.remove();
    held.delete(id);
  }
  speak(sentence);
};

// Says the newest sentence as soon as the last one is old enough, though nothing else may change by then.
function speak(sentence) {
  newest = sentence;
  if (newest === live.textContent || waiting) return;
  waiting = setTimeout(() => {
    [waiting, spokenAt] = [0, Date.now()];
    live.textContent = newest;
  }, Math.max(0, SPOKEN_EVERY - (Date.now() - spokenAt)));
}
