//! JWTs, signed by a key that a test tells the server to trust.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SigningKey};
use serde_json::Value;

/// Whoever issues JWTs, by ES256.
pub struct JwtIssuer(KeyPair);

impl JwtIssuer {
    /// One with a key of its own.
    ///
    /// # Panics
    /// When there is no randomness.
    pub fn create() -> Self {
        Self(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key"))
    }

    /// The key to check its JWTs by, as PEM.
    pub fn public_key(&self) -> String {
        use base64::engine::general_purpose::STANDARD;

        let der = STANDARD.encode(self.0.subject_public_key_info());
        format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n")
    }

    /// A JWT of these claims.
    ///
    /// # Panics
    /// When it can't be signed.
    pub fn issue(&self, claims: &Value) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","typ":"JWT"}"#);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.0.sign(signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(plain(&signature)))
    }
}

/// The two numbers of a signature, 32 bytes each: a JWT has them without the DER around.
fn plain(der: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = &der[2..];
    while let [2, length, more @ ..] = rest {
        let (number, after) = more.split_at(usize::from(*length));
        let digits = &number[number.len().saturating_sub(32)..];
        plain.resize(plain.len() + 32 - digits.len(), 0);
        plain.extend_from_slice(digits);
        rest = after;
    }
    plain
}

impl fmt::Debug for JwtIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtIssuer")
    }
}
