//! The table of what may import what. A new folder or crate with a place of its own is one line here.

/// A file or folder directly under `src`, and the others of them that it may name.
pub(crate) struct Unit {
    pub(crate) name: &'static str,
    pub(crate) may_import: &'static [&'static str],
}

/// Arrows point downwards. What a unit needs from below its arrows comes in through `ports`, or as a plain value.
pub(crate) const UNITS: &[Unit] = &[
    // They wire, so they see everything.
    unit("main", EVERYTHING),
    unit("lib", EVERYTHING),
    unit("bin", EVERYTHING),
    unit("cli", EVERYTHING),
    // Calls what reads in each of these, to break it.
    unit("fuzzing", EVERYTHING),
    // What the keeper does.
    unit(
        "server",
        &["actors", "services", "registry", "ports", "views", "domain", "telemetry", "runtime", "shutdown"],
    ),
    unit("actors", &["services", "registry", "ports", "domain", "telemetry", "runtime", "shutdown"]),
    unit("services", &["registry", "ports", "views", "domain", "runtime", "shutdown"]),
    unit("registry", &["ports", "domain"]),
    unit("ports", &["domain"]),
    // The shapes that the outside is shown: the HTTP API, `--json`, notices.
    unit("views", &["domain"]),
    unit("domain", &[]),
    // Adapters: each implements ports, none knows another.
    unit("calendly", &["ports", "domain", "runtime"]),
    unit("store", &["ports", "domain", "runtime", "shutdown"]),
    unit("spool", &["ports", "domain", "runtime"]),
    // Beside Calendly's client, since it talks to the application: other timeouts, nobody's rate limits.
    unit("outgoing", &["ports", "domain", "runtime"]),
    unit("clock", &["ports", "domain"]),
    // Leaves. Settings reach actors and services as values of their own types: only cli and main read `config`.
    unit("config", &["domain"]),
    unit("telemetry", &["domain"]),
    unit("runtime", &[]),
    unit("shutdown", &["runtime"]),
    // A Calendly that shared code with its client would share its mistakes.
    unit("simulator", &[]),
];

/// `lib` stands for whatever the crate's root holds.
const EVERYTHING: &[&str] = &[
    "lib",
    "cli",
    "server",
    "actors",
    "services",
    "registry",
    "ports",
    "views",
    "domain",
    "calendly",
    "store",
    "spool",
    "outgoing",
    "clock",
    "config",
    "telemetry",
    "runtime",
    "shutdown",
    "simulator",
];

/// A name that has its place: a crate, a path in one, or a single word of code.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    /// Units (`store`) or files below one (`actors/supervision`).
    pub(crate) only_in: &'static [&'static str],
    pub(crate) because: &'static str,
}

pub(crate) const PLACES: &[Place] = &[
    place("actix::dev", SUPERVISION, INNER),
    place("ContextFut", SUPERVISION, INNER),
    place("actix", ARBITERS, "what is below the actors is tested and runs without them"),
    place("actix_rt", ARBITERS, "what must not be lost does not run on an arbiter"),
    place("actix_web", &["server", "cli"], "the HTTP face alone speaks HTTP inwards"),
    place("diesel", STORE, SQL),
    place("diesel_async", STORE, SQL),
    place("diesel_migrations", STORE, SQL),
    place("tokio_postgres", STORE, SQL),
    place("tokio_postgres_rustls", STORE, SQL),
    place("rustls", STORE, "Calendly's client brings its own; what PostgreSQL needs beyond stands beside it"),
    place("libsqlite3_sys", STORE, SQL),
    place(
        "reqwest",
        &["calendly", "outgoing", "simulator/deliveries"],
        "one configured client each for Calendly, for the application, and for the simulated Calendly's deliveries: no \
         redirects, nothing sent twice",
    ),
    place("hyper", SIMULATOR, "a deployed keeper is built without it"),
    place("hyper_util", SIMULATOR, "a deployed keeper is built without it"),
    place("http_body_util", SIMULATOR, "a deployed keeper is built without it"),
    place("anyhow", &["cli", "main", "bin"], "in the library an error says what its caller can do about it"),
    place(
        "clap",
        &["cli", "main", "bin", "simulator"],
        "flags become settings in one place; the simulator's options are its flags",
    ),
    place("env_logger", &["telemetry", "bin"], "one format for every line of the log"),
];

/// What decides is pure: none of these words, or crates, in `domain`.
pub(crate) const NOT_IN_DOMAIN: &[&str] =
    &["async", "await", "tokio", "tokio_util", "futures_util", "async_trait", "log", "rustix"];

const ARBITERS: &[&str] = &["actors", "runtime", "cli", "main"];
const SUPERVISION: &[&str] = &["actors/supervision"];
const INNER: &str = "actix's inner parts are known to one file, so that actix can be replaced";
const STORE: &[&str] = &["store"];
const SQL: &str = "SQL stands in one place";
const SIMULATOR: &[&str] = &["simulator"];

pub(crate) const MAX_LINES: usize = 350;
/// Names that say nothing about what belongs there, so everything ends up in them.
pub(crate) const NAMES_OF_NOTHING: &[&str] =
    &["utils", "util", "helpers", "helper", "common", "manager", "misc"];

const fn unit(name: &'static str, may_import: &'static [&'static str]) -> Unit {
    Unit { name, may_import }
}

const fn place(name: &'static str, only_in: &'static [&'static str], because: &'static str) -> Place {
    Place { name, only_in, because }
}
