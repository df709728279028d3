//! The layers of `src/`: which module may import which. Edit this list when a module comes or goes.

/// What the check enforces. Modules are named by their path below the root, such as `cache::disk`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rules<'a> {
    /// Groups of top-level modules, lowest first. A module imports only from groups below its own.
    pub(super) layers: &'a [&'a [&'a str]],
    /// Folders whose files and subfolders may not import each other at all.
    pub(super) independent: &'a [&'a str],
    /// Files and subfolders of one folder that may import each other in a cycle. All others may
    /// not.
    pub(super) cycles: &'a [&'a [&'a str]],
}

/// The rules of the library. `lib.rs` is not listed: it is above every layer.
pub(super) const RULES: Rules<'static> = Rules {
    layers: &[
        // Errors, which everything returns.
        &["error"],
        // Helpers that know nothing of secrets.
        &["clock", "fs", "retry", "shell", "single_flight"],
        // Secrets, references and key paths.
        &["secret"],
        // What a provider supports, and what a request can ask for.
        &["capabilities"],
        &["options"],
        // The trait that every backend implements, and how it reports changes.
        &["watch"],
        &["provider"],
        // The cache around any provider. It knows no vendor.
        &["cache"],
        // Settings from `s1crets.toml` and the environment.
        &["config"],
        // What several backends share.
        &["aws_credentials"],
        &["cache_scope"],
        // HTTP for backends without an SDK. It knows no vendor.
        &["transport"],
        // Sessions with AWS, for its providers and for logins by AWS identities.
        &["aws_session"],
        &["vault"],
        // The backends.
        &["providers"],
        // The calls that applications make.
        &["client"],
        // Tools for people who write or fuzz a provider.
        &["conformance", "fuzzing"],
    ],
    // A vendor's folder is built and read without the others.
    independent: &["providers"],
    // Remove a name as soon as its cycle is cut: the check reports names that it no longer needs.
    cycles: &[
        // The client makes requests, handles and builders, which hold a client.
        &[
            "client::builder",
            "client::client",
            "client::dispatch",
            "client::get_refs",
            "client::handle",
            "client::request",
            "client::target",
        ],
        // A handle spawns its follower, which publishes to it.
        &["client::handle", "client::handle::follower"],
        // A config file is found, trusted and loaded, and each step knows the file's type.
        &[
            "config::cache",
            "config::config",
            "config::config_file",
            "config::find",
            "config::load",
            "config::paths",
            "config::raw_table",
            "config::table",
            "config::table_type",
            "config::trust",
            "config::variables",
        ],
        &["aws_session::clients", "aws_session::resolve", "aws_session::session"],
        // The crate's own types are in mod.rs, as is what the helpers need of them.
        &["providers::aws::secrets_manager", "providers::aws::secrets_manager::batch_read"],
        &["providers::file::reloader", "providers::file::secret_watches"],
        // A builder and what it builds.
        &["providers::file::builder", "providers::file::provider"],
        &["providers::file::csi_mount", "providers::file::source"],
        // A connection's settings name its login method, which logs in over a connection.
        &[
            "vault::auth",
            "vault::config",
            "vault::error",
            "vault::failure",
            "vault::http",
            "vault::request",
            "vault::response",
            "vault::token",
        ],
        &["vault::connection", "vault::identity"],
        &["vault::env", "vault::settings"],
        &["vault::auth", "vault::auth::no_token"],
        &["vault::auth", "vault::auth::static_token"],
        &["vault::auth::login_client", "vault::auth::wrapping"],
        &["vault::token::manager", "vault::token::state_machine"],
    ],
};
