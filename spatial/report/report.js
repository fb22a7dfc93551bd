// Tables that sort, maps that read out the unit under the pointer, and a cue where a table goes on to the right.
document.querySelectorAll("table:not(.paper)").forEach(function (table) {
  var body = table.tBodies[0], heads = table.tHead ? Array.from(table.tHead.rows[0].cells) : [];
  if (!body || body.rows.length < 3) return;
  function number(text) {
    var plain = text.replace(/,/g, "").replace(/\u2212/g, "-").replace(/^[<>]/, "");
    return plain === "" ? NaN : Number(plain);
  }
  function sort(head, column) {
    var down = head.getAttribute("aria-sort") === "ascending", rows = Array.from(body.rows);
    var cell = function (row) { return row.cells[column].textContent.trim(); };
    var numeric = rows.every(function (row) { return cell(row) === "" || !isNaN(number(cell(row))); });
    rows.sort(function (a, b) {
      var x = cell(a), y = cell(b);
      if (x === "" || y === "") return (x === "") - (y === "");
      var order = numeric ? number(x) - number(y) : x.localeCompare(y);
      return down ? -order : order;
    });
    heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    rows.forEach(function (row) { body.appendChild(row); });
  }
  heads.forEach(function (head, column) {
    head.tabIndex = 0;
    head.classList.add("sorts");
    head.addEventListener("click", function () { sort(head, column); });
    head.addEventListener("keydown", function (event) {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(head, column); }
    });
  });
});
document.querySelectorAll(".map").forEach(function (map) {
  var reading = map.querySelector(".reading"), svg = map.querySelector("svg"), at = -1;
  var units = Array.from(svg.querySelectorAll("path")).filter(function (path) { return path.querySelector("title"); });
  function show(index) {
    if (at >= 0) units[at].classList.remove("on");
    at = index;
    units[at].classList.add("on");
    reading.textContent = units[at].querySelector("title").textContent;
  }
  ["pointerover", "pointerdown"].forEach(function (kind) {
    svg.addEventListener(kind, function (event) {
      var index = units.indexOf(event.target);
      if (index >= 0) show(index);
    });
  });
  svg.addEventListener("keydown", function (event) {
    var step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step) { event.preventDefault(); show((at + step + units.length) % units.length); }
  });
});
function cues() {
  document.querySelectorAll(".scroll").forEach(function (box) {
    box.classList.toggle("more", box.scrollWidth > box.clientWidth + box.scrollLeft + 2);
  });
}
document.querySelectorAll(".scroll").forEach(function (box) { box.addEventListener("scroll", cues, { passive: true }); });
document.querySelectorAll("details").forEach(function (box) { box.addEventListener("toggle", cues); });
window.addEventListener("resize", cues);
cues();
