//! Issues signed JWTs for tests of the JWT login.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SigningKey};
use serde_json::Value;

/// An issuer of JWTs that are signed with ES256.
pub struct JwtIssuer(KeyPair);

impl JwtIssuer {
    /// Creates an issuer with a new key.
    ///
    /// # Panics
    /// If the system has no randomness.
    pub fn create() -> Self {
        Self(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key"))
    }

    /// The public key that verifies its JWTs, as PEM.
    pub fn public_key(&self) -> String {
        use base64::engine::general_purpose::STANDARD;

        let der = STANDARD.encode(self.0.subject_public_key_info());
        format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n")
    }

    /// A signed JWT with these claims.
    ///
    /// # Panics
    /// If signing fails.
    pub fn issue(&self, claims: &Value) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","typ":"JWT"}"#);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.0.sign(signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(raw_signature(&signature)))
    }
}

/// Converts a DER signature to the form of a JWT: its two numbers, 32 bytes each.
fn raw_signature(der: &[u8]) -> Vec<u8> {
    let mut raw = Vec::new();
    let mut rest = &der[2..];
    while let [2, length, more @ ..] = rest {
        let (number, after) = more.split_at(usize::from(*length));
        let digits = &number[number.len().saturating_sub(32)..];
        raw.resize(raw.len() + 32 - digits.len(), 0);
        raw.extend_from_slice(digits);
        rest = after;
    }
    raw
}

impl fmt::Debug for JwtIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtIssuer")
    }
}
