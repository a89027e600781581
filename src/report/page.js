// The page without this script is complete: tables, charts and texts are there. It adds sorting, filtering, folding of long
// charts, the button for light and dark, and curves drawn by Chart.js where the page has it. Its errors are gathered in the
// root element (data-errors), where a test can see them.
(function () {
  'use strict';
  var root = document.documentElement, errors = [], FOLD = 12;
  window.addEventListener('error', function (e) { errors.push(String(e.message)); root.dataset.errors = errors.join('; '); });
  root.dataset.errors = '';
  root.dataset.charts = '0';
  root.classList.add('js');
  function all(selector, from) { return Array.prototype.slice.call((from || document).querySelectorAll(selector)); }
  function make(tag, attributes, text) {
    var e = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (k) { e.setAttribute(k, attributes[k]); });
    if (text !== undefined) e.textContent = text;
    return e;
  }

  // --- light and dark
  var button = document.getElementById('theme'), dark = matchMedia('(prefers-color-scheme: dark)');
  function isDark() { return root.dataset.theme ? root.dataset.theme === 'dark' : dark.matches; }
  function nameTheme() { button.textContent = isDark() ? 'Light' : 'Dark'; button.setAttribute('aria-label', 'Switch to the ' + (isDark() ? 'light' : 'dark') + ' colours'); }
  button.hidden = false;
  button.addEventListener('click', function () { root.dataset.theme = isDark() ? 'light' : 'dark'; nameTheme(); draw(); });
  dark.addEventListener('change', function () { nameTheme(); draw(); });
  nameTheme();

  // --- sorting: numbers by their stored value, texts by their letters, what is missing always last
  function key(row, column) {
    var cell = row.cells[column];
    if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
    var text = cell.textContent.trim();
    return text === '–' || text === '' || text === 'n/a' ? null : text;
  }
  function compare(a, b) {
    if (typeof a === 'number' && typeof b === 'number') return a - b;
    if (typeof a === 'number') return -1;
    if (typeof b === 'number') return 1;
    return a.localeCompare(b, 'en', { numeric: true });
  }
  function sort(table, column, down) {
    var body = table.tBodies[0], rows = all('tr', body).map(function (r, i) { return { row: r, key: key(r, column), i: i }; });
    rows.sort(function (a, b) {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.i - b.i;
      var d = compare(a.key, b.key);
      return (down ? -d : d) || a.i - b.i;
    });
    rows.forEach(function (r) { body.appendChild(r.row); });
    all('thead th', table).forEach(function (th, i) {
      if (i === column) th.setAttribute('aria-sort', down ? 'descending' : 'ascending'); else th.removeAttribute('aria-sort');
    });
  }
  all('table.sortable').forEach(function (table) {
    all('thead th', table).forEach(function (th, column) {
      var b = make('button', { type: 'button' }, th.textContent);
      th.textContent = '';
      th.appendChild(b);
      b.addEventListener('click', function () {
        sort(table, column, th.getAttribute('aria-sort') === 'ascending');
        follow();
      });
    });
  });

  // --- filtering, and charts that follow the table: same rows, same order, long ones folded
  var table = document.getElementById('rows'), tools = document.getElementById('tools'), find, count, selects = [], open = {};
  function shown(row) {
    var text = row.textContent.toLowerCase();
    return find.value.toLowerCase().split(/\s+/).every(function (w) { return text.indexOf(w) >= 0; }) &&
      selects.every(function (s) { return s.box.value === '' || row.cells[s.column].dataset.t === s.box.value; });
  }
  function follow() {
    var order = {}, visible = {};
    if (!table) return;
    all('tr', table.tBodies[0]).forEach(function (r, i) { order[r.dataset.row] = i; visible[r.dataset.row] = !r.classList.contains('hidden'); });
    all('ol.bars').forEach(function (list) {
      var items = all('li', list), id = list.closest('figure').dataset.chart, left = 0, more = list.parentNode.querySelector('.more');
      if (items.length && items[0].dataset.row !== undefined) {
        items.sort(function (a, b) { return order[a.dataset.row] - order[b.dataset.row]; }).forEach(function (li) { list.appendChild(li); });
      }
      var total = items.filter(function (li) { return li.dataset.row === undefined || visible[li.dataset.row]; }).length;
      items.forEach(function (li) {
        var on = li.dataset.row === undefined || visible[li.dataset.row];
        li.classList.toggle('hidden', !on);
        li.classList.toggle('folded', on && left >= FOLD && total > FOLD + 3 && !open[id]);
        left += on;
      });
      var folds = list.parentNode.querySelector('.folds'); // on paper, where no button can be pressed
      if (!more) {
        more = make('button', { type: 'button', class: 'more' });
        folds = make('p', { class: 'note folds' });
        list.after(more);
        list.parentNode.appendChild(folds);
        more.addEventListener('click', function () { open[id] = !open[id]; follow(); });
      }
      folds.textContent = 'the first ' + FOLD + ' of ' + total + ' rows; the table has all';
      folds.classList.toggle('some', total > FOLD + 3 && !open[id] && items[0].dataset.row !== undefined);
      more.classList.toggle('some', total > FOLD + 3);
      more.textContent = open[id] ? 'Fewer' : 'All ' + left;
    });
    all('.scatter .point, .scatter .reach').forEach(function (p) { p.classList.toggle('hidden', !visible[p.dataset.row]); });
  }
  function filter() {
    var n = 0, rows = all('tr', table.tBodies[0]);
    rows.forEach(function (r) { var on = shown(r); r.classList.toggle('hidden', !on); n += on; });
    count.value = n + ' of ' + rows.length + ' rows';
    follow();
  }
  if (table && tools) {
    var label = make('label', {}, 'Find');
    find = make('input', { type: 'search', id: 'find', placeholder: 'any words of a row' });
    label.appendChild(find);
    tools.appendChild(label);
    find.addEventListener('input', filter);
    all('thead th', table).forEach(function (th, column) {
      var values = {}, names, box;
      if (th.dataset.pick === undefined) return;
      all('tr', table.tBodies[0]).forEach(function (r) { values[r.cells[column].dataset.t] = true; });
      names = Object.keys(values).sort();
      if (names.length < 2 || names.length > 40) return;
      label = make('label', {}, th.textContent);
      box = make('select', { 'data-column': th.dataset.pick });
      box.appendChild(make('option', { value: '' }, 'all'));
      names.forEach(function (v) { box.appendChild(make('option', { value: v }, v === '' ? '–' : v)); });
      label.appendChild(box);
      tools.appendChild(label);
      box.addEventListener('change', filter);
      selects.push({ box: box, column: column });
    });
    var clear = make('button', { type: 'button' }, 'Clear');
    clear.addEventListener('click', function () { find.value = ''; selects.forEach(function (s) { s.box.value = ''; }); filter(); });
    tools.appendChild(clear);
    count = make('output', { 'aria-live': 'polite', id: 'count' });
    tools.appendChild(count);
    filter();
  } else {
    follow();
  }

  // --- curves
  var drawn = [];
  function css(name) { return getComputedStyle(root).getPropertyValue(name).trim(); }
  function line(def) {
    return {
      type: 'line',
      data: { datasets: def.series.map(function (s, k) {
        var pairs = def.pairs ? 2 : 1, colour = css('--s' + Math.floor(k / pairs) % 8);
        return { label: s.name, data: s.values, borderColor: colour, backgroundColor: colour, borderDash: k % 2 ? [6, 4] : [], pointRadius: s.values.length > 30 ? 0 : 2.5, borderWidth: 2 };
      }) },
      options: { interaction: { mode: 'nearest', axis: 'x', intersect: false }, scales: {
        x: { type: 'linear', title: { display: true, text: def.unit }, grid: { color: css('--line') }, ticks: { maxTicksLimit: 8, precision: def.unit === 'epoch' ? 0 : undefined } },
        y: { title: { display: !!def.y_unit, text: def.y_unit }, grid: { color: css('--line') }, ticks: { maxTicksLimit: 6 } } },
        plugins: { legend: { position: 'bottom', labels: { usePointStyle: true, generateLabels: function (chart) { // with the line's dashes
          return chart.data.datasets.map(function (d, i) {
            return { text: d.label, strokeStyle: d.borderColor, fillStyle: 'transparent', fontColor: css('--ink'), lineWidth: 2, lineDash: d.borderDash, pointStyle: 'line', hidden: !chart.isDatasetVisible(i), datasetIndex: i };
          });
        } } } } }
    };
  }
  function draw() {
    var data = document.getElementById('whet-curves');
    if (typeof Chart === 'undefined' || !data) return;
    drawn.forEach(function (c) { c.destroy(); });
    drawn = [];
    Chart.defaults.animation = false; Chart.defaults.maintainAspectRatio = false; Chart.defaults.responsive = true;
    Chart.defaults.font.family = 'system-ui, sans-serif'; Chart.defaults.color = css('--soft');
    JSON.parse(data.textContent).forEach(function (def) {
      var plot = document.querySelector('figure[data-chart="' + def.id + '"] .plot'), canvas = plot.querySelector('canvas'), svg = plot.querySelector('svg');
      if (!canvas) { canvas = make('canvas', { role: 'img', 'aria-label': svg.getAttribute('aria-label') }); plot.appendChild(canvas); svg.style.display = 'none'; }
      plot.style.height = 260 + 14 * Math.ceil(def.series.length / 2) + 'px';
      drawn.push(new Chart(canvas, line(def)));
    });
    root.dataset.charts = String(drawn.length);
  }
  root.dataset.chartjs = typeof Chart === 'undefined' ? 'none' : Chart.version;
  draw();
  root.dataset.wide = String(Math.max(0, root.scrollWidth - root.clientWidth));
}());
