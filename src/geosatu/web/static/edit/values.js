// What people write in a field -> the value that the service takes, or why it is none. Nothing is guessed.

/** Two numbers: what is between them can be no decimal comma. */
const PAIRS = [/^(-?\d+\.\d+)\s*,\s*(-?\d+\.\d+)$/, /^(-?\d+(?:[.,]\d+)?)(?:\s*;\s*|,\s+|\s+)(-?\d+(?:[.,]\d+)?)$/];

/** A number with a decimal comma or point; NaN where the text is none, or could mean two. */
export function numberIn(text) {
  const said = text.trim().replace("−", "-");
  // 1.234 is a thousand and more to some and one and a bit to others.
  if (!/^-?\d+([.,]\d+)?$/.test(said) || /^-?[1-9]\d{0,2}\.\d{3}$/.test(said)) return NaN;
  return Number(said.replace(",", "."));
}

/** Degrees as people write them; here a point can only be a decimal one. NaN where the text is none. */
export function degreesIn(text) {
  const said = text.trim().replace("−", "-").replace(/°$/, "");
  return /^-?\d+([.,]\d+)?$/.test(said) ? Number(said.replace(",", ".")) : NaN;
}

/** Both coordinates where somebody pasted them into one field, as [latitude, longitude]; null: that is no pair. */
export function pairIn(text) {
  const said = text.trim().replace(/−/g, "-");
  const parts = PAIRS.map((form) => form.exec(said)).find(Boolean);
  return parts ? [degreesIn(parts[1]), degreesIn(parts[2])] : null;
}

/** {value} of what a field's input holds, null where it is empty; or {fault}, a sentence. */
export function valueOf(field, raw) {
  if (Array.isArray(raw)) return { value: raw.length ? raw : null };
  const said = raw.trim();
  if (said === "") return { value: null };
  switch (field.type) {
    case "integer":
    case "decimal":
      return number(field, said);
    case "boolean":
      return { value: said === "true" };
    case "photos":
      return { value: said.split("\n") };
    case "texts":
      return texts(field, said);
    case "text":
      return text(field, said);
    default:
      return { value: said };
  }
}

function number(field, said) {
  const value = numberIn(said);
  if (Number.isNaN(value)) return { fault: "Tulis dengan angka tanpa pemisah ribuan, misalnya 1234 atau 12,5." };
  if (field.type === "integer" && !Number.isSafeInteger(value)) return { fault: "Isi dengan bilangan bulat." };
  if (field.minimum !== null && value < field.minimum) return { fault: `Paling sedikit ${field.minimum}.` };
  if (field.maximum !== null && value > field.maximum) return { fault: `Paling banyak ${field.maximum}.` };
  return { value };
}

function texts(field, said) {
  const parts = said.split(/[\n;]/).map((part) => part.trim()).filter(Boolean);
  const wrong = parts.map((part) => text(field, part)).find((part) => part.fault);
  return wrong || { value: parts };
}

function text(field, said) {
  if (said.length > field.maxLength) {
    return { fault: `Terlalu panjang: ${said.length} huruf, paling banyak ${field.maxLength}.` };
  }
  if (!fits(field.pattern, said)) return { fault: `Bentuknya tidak sesuai: ${field.description || field.pattern}.` };
  return { value: said };
}

/** Whether a text is of the form; a form that this browser cannot read is left to the service. */
function fits(pattern, said) {
  if (!pattern) return true;
  try {
    return new RegExp(pattern).test(said);
  } catch (error) {
    return true;
  }
}

/** What an input shows of a stored value: the inverse of `valueOf`. */
export function rawOf(field, value) {
  if (field.type === "codes") return value || [];
  if (value === null || value === undefined) return "";
  switch (field.type) {
    case "photos":
    case "texts":
      return value.join("\n");
    case "decimal":
      return String(value).replace(".", ",");
    case "time":
      return value.replace(/^(\d\d:\d\d):00$/, "$1");
    default:
      return String(value);
  }
}

/** Whether two values of a field are the same. */
export function same(field, one, other) {
  const plain = (value) => JSON.stringify(field.type === "codes" ? [...(value || [])].sort() : rawOf(field, value));
  return plain(one) === plain(other);
}

/** Whether two GeoJSON geometries are the same place, to a millimetre; null is no place. */
export function samePlace(one, other) {
  if (!one || !other) return !one && !other;
  const flat = (geometry) => geometry.coordinates.flat(Infinity);
  const [here, there] = [flat(one), flat(other)];
  return here.length === there.length && here.every((degree, i) => Math.abs(degree - there[i]) <= 1e-8);
}
