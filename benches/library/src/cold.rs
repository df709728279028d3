//! Reads that miss the cache, compared with the bare call to the backend.

use s1crets::{
    Client,
    providers::vault_kv::VaultKv,
    vault::{Vault, VaultConfig},
};
use s1crets_testbed::{Moto, OpenBao, unique};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{
    measure::{Contender, compare, print},
    rivals::{Aws, VALUE, runtime},
};

pub fn run() {
    secrets_manager();
    open_bao();
}

fn secrets_manager() {
    let runtime = runtime();
    let aws = runtime.block_on(Aws::start());
    let (client, sdk) = (runtime.block_on(aws.direct_client()), aws.sdk(Moto::shared().endpoint()));
    let name = unique("bench/");
    aws.seed.create_secret(&name, VALUE);
    let ours = cold(&runtime, client, "aws.sm", name.clone());
    let bare = Contender::in_task("the SDK's own call", &runtime, move || {
        let call = sdk.get_secret_value().secret_id(&name);
        async move { call.send().await.map(drop).expect("a secret") }
    });
    print("Secrets Manager (moto)", &compare(vec![bare, ours]));
}

fn open_bao() {
    let runtime = runtime();
    let bao = OpenBao::shared();
    let name = unique("bench/");
    bao.must("POST", &format!("secret/data/{name}"), &json!({ "data": { "value": VALUE } }));
    let config = VaultConfig::new(bao.address()).with_token(bao.root_token());
    let vault = Vault::new(config).expect("settings");
    let client = Client::builder().with_provider("vault.kv", VaultKv::new(vault)).build().expect("a client");
    let ours = cold(&runtime, client, "vault.kv", format!("secret/{name}"));
    let http = reqwest::Client::new();
    let url = format!("{}/v1/secret/data/{name}", bao.address());
    let bare = Contender::in_task("the bare HTTP request", &runtime, move || {
        let request = http.get(&url).header("X-Vault-Token", bao.root_token());
        async move { drop(request.send().await.expect("an answer").bytes().await.expect("a body")) }
    });
    print("OpenBao, KV 2", &compare(vec![bare, ours]));
}

fn cold<'a>(runtime: &'a Runtime, client: Client, provider: &'static str, name: String) -> Contender<'a> {
    Contender::in_task("`client.get`, cold", runtime, move || {
        let (client, name) = (client.clone(), name.clone());
        // `cached(false)` skips the cache lookup, but stores the result.
        async move { drop(client.get(provider, &name).cached(false).await.expect("a secret")) }
    })
}
