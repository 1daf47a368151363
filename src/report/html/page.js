"use strict";
// What is told of a place, beside the pointer. The titles that browsers show by themselves come late
// and never on a touch screen, so each becomes this page's own when it is first pointed at.
(function () {
  var tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  document.body.appendChild(tip);
  function told(target) {
    var place = target.closest ? target.closest(".hint") : null;
    if (!place) { return ""; }
    var title = place.querySelector("title");
    if (title) {
      place.dataset.told = title.textContent;
      title.remove();
    }
    return place.dataset.told || "";
  }
  function show(event) {
    var text = told(event.target);
    tip.hidden = !text;
    if (!text) { return; }
    if (tip.textContent !== text) { tip.textContent = text; }
    var box = tip.getBoundingClientRect();
    var left = event.clientX + 16;
    if (left + box.width > window.innerWidth - 8) { left = event.clientX - box.width - 16; }
    var top = event.clientY + 16;
    if (top + box.height > window.innerHeight - 8) { top = event.clientY - box.height - 16; }
    tip.style.left = Math.max(8, left) + "px";
    tip.style.top = Math.max(8, top) + "px";
  }
  document.addEventListener("pointermove", show);
  document.addEventListener("pointerdown", show);
  document.addEventListener("scroll", function () { tip.hidden = true; }, true);
  document.addEventListener("keydown", function (event) { if (event.key === "Escape") { tip.hidden = true; } });
})();

// Zooming: drag over what is to be seen, or the buttons; a double click shows all again.
document.querySelectorAll("svg.picture").forEach(function (svg) {
  var whole = svg.getAttribute("viewBox").split(" ").map(Number);
  var seen = whole.slice();
  var tools = document.createElement("div");
  tools.className = "tools";
  function look(box) {
    var width = Math.min(box[2], whole[2]), height = Math.min(box[3], whole[3]);
    var x = Math.max(whole[0], Math.min(box[0], whole[0] + whole[2] - width));
    var y = Math.max(whole[1], Math.min(box[1], whole[1] + whole[3] - height));
    seen = [x, y, width, height];
    svg.setAttribute("viewBox", seen.join(" "));
    reset.disabled = width === whole[2];
  }
  function by(factor) {
    var width = seen[2] * factor, height = seen[3] * factor;
    look([seen[0] + (seen[2] - width) / 2, seen[1] + (seen[3] - height) / 2, width, height]);
  }
  function button(text, name, action) {
    var made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.setAttribute("aria-label", name);
    made.addEventListener("click", action);
    tools.appendChild(made);
    return made;
  }
  button("Zoom in", "Zoom into the picture", function () { by(0.7); });
  button("Zoom out", "Zoom out of the picture", function () { by(1 / 0.7); });
  var reset = button("Show all", "Show the whole picture", function () { look(whole); });
  reset.disabled = true;
  svg.parentNode.parentNode.insertBefore(tools, svg.parentNode);

  function place(event) {
    var matrix = svg.getScreenCTM();
    return [(event.clientX - matrix.e) / matrix.a, (event.clientY - matrix.f) / matrix.d];
  }
  var from = null, selection = null;
  svg.classList.add("zoomable");
  svg.addEventListener("pointerdown", function (event) {
    // A finger scrolls.
    if (event.pointerType === "touch" || event.button !== 0) { return; }
    from = place(event);
    svg.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  function box(event) {
    var to = place(event);
    return [Math.min(from[0], to[0]), Math.min(from[1], to[1]), Math.abs(from[0] - to[0]), Math.abs(from[1] - to[1])];
  }
  svg.addEventListener("pointermove", function (event) {
    if (!from) { return; }
    var now = box(event);
    if (!selection) {
      selection = document.createElementNS(svg.namespaceURI, "rect");
      selection.setAttribute("class", "selection");
      svg.appendChild(selection);
    }
    ["x", "y", "width", "height"].forEach(function (name, index) { selection.setAttribute(name, now[index]); });
  });
  function end(event) {
    if (!from) { return; }
    var chosen = box(event);
    from = null;
    if (selection) { selection.remove(); selection = null; }
    if (chosen[2] > 8 && chosen[3] > 8) {
      // As wide and high as the picture is, around what was chosen.
      var factor = Math.max(chosen[2] / whole[2], chosen[3] / whole[3]);
      var width = whole[2] * factor, height = whole[3] * factor;
      look([chosen[0] + (chosen[2] - width) / 2, chosen[1] + (chosen[3] - height) / 2, width, height]);
    }
  }
  svg.addEventListener("pointerup", end);
  svg.addEventListener("pointercancel", function () { from = null; if (selection) { selection.remove(); selection = null; } });
  svg.addEventListener("dblclick", function () { look(whole); });
});

// One of some alternatives at a time.
document.querySelectorAll(".alternatives").forEach(function (group) {
  var figures = Array.from(group.children);
  var tabs = document.createElement("div");
  tabs.className = "tabs";
  tabs.setAttribute("role", "group");
  tabs.setAttribute("aria-label", "Which picture to show");
  var buttons = figures.map(function (figure) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = figure.getAttribute("aria-label");
    button.addEventListener("click", function () { choose(figure); });
    tabs.appendChild(button);
    return button;
  });
  function choose(chosen) {
    figures.forEach(function (figure, index) {
      figure.hidden = figure !== chosen;
      buttons[index].setAttribute("aria-pressed", String(figure === chosen));
    });
  }
  if (figures.length > 1) {
    group.insertBefore(tabs, group.firstChild);
    choose(figures[0]);
  }
});

// Tables are sorted by a click on a column: downwards, upwards, and as they were.
document.querySelectorAll("table").forEach(function (table) {
  var body = table.tBodies[0], rows = Array.from(body.rows);
  var units = { "µs": 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600, d: 86400, k: 1e3, M: 1e6 };
  function value(row, column) {
    var cell = row.cells[column], text = cell ? cell.textContent.trim() : "";
    var found = /^[^0-9−-]*([−-]?)([0-9.,]+)(?: ?(µs|ms|min|s|h|d|k|M)\b)?/.exec(text);
    if (!found) { return text; }
    return (found[1] ? -1 : 1) * Number(found[2].replace(/,/g, "")) * (units[found[3]] || 1);
  }
  if (3 > rows.length) { return; }
  Array.from(table.tHead.rows[0].cells).forEach(function (head, column) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.title = "Sort by this column";
    head.textContent = "";
    head.appendChild(button);
    var numbers = head.classList.contains("number");
    button.addEventListener("click", function () {
      var was = head.getAttribute("aria-sort");
      var order = !was ? (numbers ? "descending" : "ascending") : (was === "descending") === numbers ? (numbers ? "ascending" : "descending") : null;
      Array.from(table.tHead.rows[0].cells).forEach(function (other) { other.removeAttribute("aria-sort"); });
      var sorted = rows.slice();
      if (order) {
        head.setAttribute("aria-sort", order);
        sorted.sort(function (one, other) {
          var a = numbers ? value(one, column) : one.cells[column].textContent;
          var b = numbers ? value(other, column) : other.cells[column].textContent;
          // What is absent stands last.
          if (a === "" || b === "") { return (a === "" ? 1 : 0) - (b === "" ? 1 : 0); }
          var sign = order === "ascending" ? 1 : -1;
          return a === b ? 0 : a > b ? sign : -sign;
        });
      }
      sorted.forEach(function (row) { body.appendChild(row); });
    });
  });
});
