// What the server's HTTP API answers, and the page's own types: for `tsc --checkJs`, never served.

interface Prediction { label: string; index: number; score: number }
interface Settings { threshold: number; smooth: number; hold: number }
interface Spread { p50: number; p99: number }
interface Stats {
  frames: number; dropped: number; unknown: number; known: number; correct: number; fps: number;
  paused: boolean; variant: string; variants: string[]; latency_ms: Record<string, Spread>;
}

interface CameraAnswer { source: string; shown: string | null; seconds_since_result: number | null }

/** One event of `events`: the newest result, and the state of the run. */
interface Status {
  frame: number; shown: string; unknown?: boolean; labels?: string[]; predictions: Prediction[];
  ranking: Prediction[]; steady?: { label: string; unknown: boolean };
  size: [number, number]; seen: [number, number, number, number] | null;
  latency_ms: Record<string, number>; stats: Stats; model: string; source: string; machine: string;
  settings: Settings; camera: { width: number; height: number; fps: number };
  cameras: CameraAnswer[];
  latency_by_variant: Record<string, Spread>;
}

/** What was shown from `t` seconds ago on, for so many seconds. */
interface Past { t: number; label: string; score: number; seconds: number }
interface Measured { accuracy: number; low: number; high: number; photos: number }
interface Class { label: string; photos: number; newest: string | null }
interface Version {
  name: string; made: string; accuracy: number | null; low: number | null; high: number | null;
  bytes: number; photos: number; classes: number; current: boolean;
}

/** `teach/state`, also the event `teach`. */
interface Teach {
  folder: string; classes: Class[]; recording: { label: string; kept: number; alike: number } | null;
  knows: "nothing" | "prototypes" | "head"; busy: boolean; photos: number; revision: number; judged: Measured | null;
  advice: string; kept: Version[]; review: number; problem: string | null;
}
interface Photo { id: string; label: string; looks_like: string | null; twin: string | null }
interface Appraisal extends Measured {
  by_class: { label: string; photos: number; recall: number; precision: number }[];
  confusion: number[][]; labels: string[]; curve: Measured[]; advice: string;
  useful: { label: string; why: string; text: string } | null;
  mislabelled: { id: string; label: string; looks_like: string; score: number }[];
  doubled: { id: string; twin: string }[];
}
interface Unsure { id: string; t: number; label: string; score: number }
interface Compared extends Version { on_these: Measured | null }
interface Comparison { photos: number; a: Compared; b: Compared; note: string }

/** Functions that are called with each new value. */
type Listeners<T> = ((value: T) => unknown)[];
/** A cell of a grid of images: its small and large image, its description, a mark on it. */
interface Cell { id: string; url: string; large: string; words: string; mark?: string }
