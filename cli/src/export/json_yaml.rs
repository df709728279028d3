//! Formats for documents: JSON, YAML and the manifest of a Kubernetes Secret.

use std::io::Write;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use zeroize::Zeroizing;

use super::{format::Document, name_rules};
use crate::quoting;

/// The most bytes that [one Secret
/// holds](https://kubernetes.io/docs/concepts/configuration/secret/#restriction-data-size).
const KUBERNETES_BYTES: usize = 1024 * 1024;

/// A JSON object ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259)).
pub(super) fn json(out: &mut Vec<u8>, document: &Document<'_>) {
    for (index, entry) in document.entries.iter().enumerate() {
        out.extend(if index == 0 { &b"{\n  "[..] } else { b",\n  " });
        quoted(out, entry.name);
        out.extend(b": ");
        quoted(out, entry.text());
    }
    out.extend(if document.entries.is_empty() { &b"{}\n"[..] } else { b"\n}\n" });
}

/// A YAML 1.2 mapping. Values are in
/// [double quotes](https://yaml.org/spec/1.2.2/#double-quoted-style), so that none is read as a
/// number, a boolean or null.
pub(super) fn yaml(out: &mut Vec<u8>, document: &Document<'_>) {
    for entry in document.entries {
        quoted(out, entry.name);
        out.extend(b": ");
        quoted(out, entry.text());
        out.push(b'\n');
    }
    if document.entries.is_empty() {
        out.extend(b"{}\n");
    }
}

/// [A v1
/// Secret](https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/secret-v1/)
/// for `kubectl apply -f -`. The name is in quotes, because it may look like a number.
pub(super) fn kubernetes_secret(out: &mut Vec<u8>, document: &Document<'_>) {
    let name = document.name.unwrap_or_default();
    let _ = write!(out, "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name:?}\ntype: Opaque\ndata:");
    for entry in document.entries {
        let encoded = Zeroizing::new(BASE64.encode(entry.bytes()));
        let _ = write!(out, "\n  \"{}\": {:?}", entry.name, encoded.as_str());
    }
    out.extend(if document.entries.is_empty() { &b" {}\n"[..] } else { b"\n" });
}

/// Requires a valid name, and no more bytes than a Secret holds.
pub(super) fn kubernetes_limits(document: &Document<'_>) -> Result<(), &'static str> {
    let size: usize = document.entries.iter().map(|entry| entry.bytes().len()).sum();
    match document.name {
        None => Err("a Secret needs a name: pass it with --name"),
        Some(name) if !name_rules::kubernetes_object(name) => {
            Err("the name of a Secret consists of lower-case letters, digits, '-' and '.', like a host name")
        }
        Some(_) if size > KUBERNETES_BYTES => Err("a Secret holds at most 1 MiB"),
        Some(_) => Ok(()),
    }
}

/// A text in double quotes, for JSON and YAML alike.
pub(super) fn quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    quoting::json(out, text);
    out.push(b'"');
}
