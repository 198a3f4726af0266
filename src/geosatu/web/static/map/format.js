// Values as Indonesian readers write them.

const MONTHS = [
  "Januari", "Februari", "Maret", "April", "Mei", "Juni",
  "Juli", "Agustus", "September", "Oktober", "November", "Desember",
];

const UNIT = /^\d{2}\.\d{2}\.\d{2}\.\d{4}-RW(\d{3})(?:-RT(\d{3}))?$/;

const NUMBER = new Intl.NumberFormat("id-ID", { maximumFractionDigits: 2 });

/** 1.234,5 */
export function number(value) {
  return NUMBER.format(value).replace(/^-0$/, "0");
}

/** 17 Agustus 2026, of a date or of a moment (shown as the day it was in WIB). */
export function date(text) {
  let day = text;
  if (/T/.test(text)) {
    const moment = new Date(text);
    if (isNaN(moment)) return text;
    day = new Date(moment.getTime() + 7 * 3600 * 1000).toISOString();
  }
  const parts = /^(\d{4})-(\d{2})-(\d{2})/.exec(day);
  return parts ? `${Number(parts[3])} ${MONTHS[parts[2] - 1]} ${parts[1]}` : text;
}

/** Lintang −7,82280 · Bujur 112,01200 */
export function place(latlng) {
  return `Lintang ${degrees(latlng.lat)} · Bujur ${degrees(latlng.lng)}`;
}

function degrees(value) {
  return value.toFixed(5).replace(".", ",").replace("-", "−");
}

/** A field's value in words, or null where there is nothing to show. */
export function value(field, raw) {
  if (raw === null || raw === undefined || raw === "" || (Array.isArray(raw) && raw.length === 0)) {
    return null;
  }
  switch (field.type) {
    case "code":
      return field.codes[raw] || String(raw);
    case "codes":
      return [].concat(raw).map((code) => field.codes[code] || code).join(", ");
    case "photos":
      return `${[].concat(raw).length} foto`;
    case "texts":
      return [].concat(raw).map(unit).join(", ");
    case "boolean":
      return raw ? "Ya" : "Tidak";
    case "date":
      return date(String(raw));
    case "time":
      return String(raw).slice(0, 5).replace(":", ".");
    case "integer":
    case "decimal":
      return withUnit(number(raw), field.unit);
    default:
      return withUnit(String(raw), field.unit);
  }
}

/** The key of an RT or RW ("35.71.01.1001-RW001-RT003") as people say it; any other text as it is. */
function unit(text) {
  const parts = UNIT.exec(text);
  if (!parts) return text;
  return parts[2] ? `RT ${parts[2]}/RW ${parts[1]}` : `RW ${parts[1]}`;
}

function withUnit(text, unit) {
  if (!unit) return text;
  return unit === "Rp" ? `Rp ${text}` : `${text} ${unit}`;
}

/** What a feature is called: its label, and the label's title before a bare number ("RT 003"). */
export function name(layer, feature) {
  const field = layer.fields.find((one) => one.name === layer.label);
  const text = value(field, feature.properties[layer.label]);
  if (text === null) return layer.title;
  return /^\d+$/.test(text) ? `${field.title} ${text}` : text;
}
