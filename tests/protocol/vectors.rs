//! Vectors nobody here wrote: Wycheproof's traps and the RFCs' own examples, through our typed layer.
//!
//! Each suite says how many cases it must have run: a suite that is skipped fails.

use blindrelay::crypto::{
    CryptoError, Secret,
    aead::SealKey,
    ed25519, kdf, kem,
    x25519::{KeyPair, PublicKey},
};
use wycheproof::{TestResult, aead, eddsa, hkdf, mlkem, xdh};

use super::people::{Script, bytes, effort, unhex};

/// How many cases passed as they should: (opened or agreed, refused).
#[derive(Debug, Default, PartialEq)]
struct Ran {
    accepted: usize,
    refused: usize,
}

impl Ran {
    fn count(&mut self, accepted: bool) {
        *(if accepted { &mut self.accepted } else { &mut self.refused }) += 1;
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

fn valid(result: TestResult) -> bool {
    result == TestResult::Valid
}

// ---- Wycheproof ----

#[test]
fn x25519_agrees_with_wycheproof_and_refuses_its_31_non_contributory_keys() {
    let mut ran = Ran::default();
    for group in xdh::TestSet::load(xdh::TestName::X25519).unwrap().test_groups {
        for test in group.tests {
            let mine = KeyPair::from_secret(&Secret::new(array(&test.private_key).unwrap()));
            let theirs = PublicKey(array(&test.public_key).unwrap());
            let zero = test.flags.contains(&xdh::TestFlag::ZeroSharedSecret);
            match mine.diffie_hellman(&theirs) {
                Ok(shared) => assert_eq!(shared.expose()[..], test.shared_secret[..], "{}", test.tc_id),
                Err(error) => assert_eq!(error, CryptoError::NonContributory, "{}", test.tc_id),
            }
            assert_eq!(theirs.check().is_err(), zero, "{}", test.tc_id);
            assert_eq!(mine.diffie_hellman(&theirs).is_err(), zero, "{}", test.tc_id);
            ran.count(!zero);
            if zero {
                // The tool below would have gone on with a secret that everybody knows.
                let raw = x25519_dalek::StaticSecret::from(*mine.secret().expose()).diffie_hellman(&theirs.0.into());
                assert_eq!(raw.to_bytes(), [0; 32]);
            }
        }
    }
    assert_eq!(ran, Ran { accepted: 487, refused: 31 });
}

#[test]
fn chacha20_poly1305_agrees_with_wycheproof() {
    let mut ran = Ran::default();
    for group in aead::TestSet::load(aead::TestName::ChaCha20Poly1305).unwrap().test_groups {
        for test in group.tests {
            let Some(nonce) = array::<12>(&test.nonce) else {
                assert!(!valid(test.result), "another nonce size cannot even be passed");
                ran.count(false);
                continue;
            };
            let key = || SealKey::new(Secret::new(array(&test.key).unwrap()), nonce);
            let sealed = [&test.ct[..], &test.tag[..]].concat();
            let opened = key().open(&test.aad, &sealed);
            assert_eq!(opened.is_ok(), valid(test.result), "{}", test.tc_id);
            if let Ok(text) = &opened {
                assert_eq!(text[..], test.pt[..], "{}", test.tc_id);
                assert_eq!(key().seal(&test.aad, text), sealed, "{}", test.tc_id);
            }
            ran.count(opened.is_ok());
        }
    }
    assert_eq!(ran, Ran { accepted: 256, refused: 69 });
}

#[test]
fn ed25519_agrees_with_wycheproof() {
    let mut ran = Ran::default();
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = ed25519::VerifyingKey(array(&group.key.pk).unwrap());
        for test in group.tests {
            let verified = array(&test.sig).is_some_and(|sig| key.verify_raw(&test.msg, &sig).is_ok());
            assert_eq!(verified, valid(test.result), "{}", test.tc_id);
            ran.count(verified);
        }
    }
    assert_eq!(ran, Ran { accepted: 88, refused: 63 });
}

#[test]
fn hkdf_sha256_agrees_with_wycheproof() {
    const MOST: usize = 255 * 32;
    let mut ran = Ran::default();
    for group in hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap().test_groups {
        for test in group.tests {
            // A shorter output is the start of a longer one. More than the most does not compile.
            let okm: Secret<MOST> = kdf::hkdf(&test.salt, &test.ikm, &[&test.info]);
            let got = okm.expose().get(..test.size);
            assert_eq!(got.is_some(), valid(test.result), "{}", test.tc_id);
            if let Some(got) = got {
                assert_eq!(*got, test.okm[..], "{}", test.tc_id);
            }
            ran.count(got.is_some());
        }
    }
    assert_eq!(ran, Ran { accepted: 83, refused: 3 });
}

#[test]
fn ml_kem_768_decapsulation_agrees_with_wycheproof() {
    let mut ran = Ran::default();
    for group in mlkem::TestSet::load(mlkem::TestName::MlKem768).unwrap().test_groups {
        for test in group.tests {
            let seed = array(&test.seed.unwrap());
            let secret = seed.and_then(|seed| {
                let key = kem::DecapsulationKey::from_seed(Secret::new(seed));
                key.decapsulate(test.ct.as_ref().unwrap()).ok()
            });
            assert_eq!(secret.is_some(), valid(test.result), "{}", test.tc_id);
            if let Some(secret) = &secret {
                assert_eq!(secret.expose()[..], test.shared_secret.unwrap()[..], "{}", test.tc_id);
            }
            ran.count(secret.is_some());
        }
    }
    assert_eq!(ran, Ran { accepted: 161, refused: 40 });
}

#[test]
fn ml_kem_768_encapsulation_agrees_with_wycheproof() {
    let mut ran = Ran::default();
    for group in mlkem::TestSet::load(mlkem::TestName::MlKem768Encaps).unwrap().test_groups {
        for test in group.tests {
            let key = kem::EncapsulationKey::from_bytes(&test.encaps_key.unwrap());
            assert_eq!(key.is_ok(), valid(test.result), "{}", test.tc_id);
            if let Ok(key) = &key {
                let (ciphertext, secret) = key.encapsulate(&mut Script(test.msg.unwrap().to_vec()));
                assert_eq!(ciphertext, test.ct.unwrap()[..], "{}", test.tc_id);
                assert_eq!(secret.expose()[..], test.shared_secret.unwrap()[..], "{}", test.tc_id);
            }
            ran.count(key.is_ok());
        }
    }
    assert_eq!(ran, Ran { accepted: 133, refused: 132 });
}

#[test]
fn ml_kem_768_keys_from_a_seed_agree_with_wycheproof() {
    let mut ran = Ran::default();
    for group in mlkem::TestSet::load(mlkem::TestName::MlKem768KeyGenSeed).unwrap().test_groups {
        for test in group.tests {
            let key = kem::DecapsulationKey::from_seed(Secret::new(array(&test.seed.unwrap()).unwrap()));
            assert_eq!(key.encapsulation_key().to_bytes(), test.encaps_key.unwrap()[..], "{}", test.tc_id);
            ran.count(true);
        }
    }
    assert_eq!(ran, Ran { accepted: 100, refused: 0 });
}

// ---- the RFCs' examples ----

fn dh(scalar: &[u8; 32], u: &[u8; 32]) -> [u8; 32] {
    *KeyPair::from_secret(&Secret::new(*scalar)).diffie_hellman(&PublicKey(*u)).unwrap().expose()
}

#[test]
fn rfc_7748_scalar_multiplication() {
    for (scalar, u, out) in [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ] {
        assert_eq!(dh(&bytes(scalar), &bytes(u)), bytes(out));
    }
}

#[test]
fn rfc_7748_iterated() {
    let (mut k, mut u) = ([0; 32], [0; 32]);
    (k[0], u[0]) = (9, 9);
    for round in 1..=effort(1_000, 10_000) {
        (k, u) = (dh(&k, &u), k);
        match round {
            1 => assert_eq!(k, bytes("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079")),
            1_000 => assert_eq!(k, bytes("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51")),
            _ => {}
        }
    }
}

#[test]
fn rfc_7748_diffie_hellman() {
    let pair = |secret| KeyPair::from_secret(&Secret::new(bytes(secret)));
    let alice = pair("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    let bob = pair("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    assert_eq!(alice.public().0, bytes("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
    assert_eq!(bob.public().0, bytes("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
    let shared = bytes("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    assert_eq!(*alice.diffie_hellman(&bob.public()).unwrap().expose(), shared);
    assert_eq!(*bob.diffie_hellman(&alice.public()).unwrap().expose(), shared);
}

#[test]
fn rfc_8439_aead() {
    let key = || {
        let key = bytes("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
        SealKey::new(Secret::new(key), bytes("070000004041424344454647"))
    };
    let aad = unhex("50515253c0c1c2c3c4c5c6c7");
    let text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    let sealed = unhex(
        "d31a8d34648e60db7b86afbc53ef7ec2 a4aded51296e08fea9e2b5a736ee62d6 3dbea45e8ca9671282fafb69da92728b
         1a71de0a9e060b2905d6a5b67ecd3b36 92ddbd7f2d778b8c9803aee328091b58 fab324e4fad675945585808b4831d7bc
         3ff4def08e4b7a9de576d26586cec64b 6116 1ae10b594f09e26a7e902ecbd0600691",
    );
    assert_eq!(key().seal(&aad, text), sealed);
    assert_eq!(key().open(&aad, &sealed).unwrap(), text);
    assert_eq!(key().open(&aad[1..], &sealed), Err(CryptoError::Forged));
}

#[test]
fn rfc_5869_sha_256() {
    let run = |ikm: &[u8], salt: &[u8], info: &[u8], okm: &str| {
        let okm = unhex(okm);
        let got: Secret<82> = kdf::hkdf(salt, ikm, &[info]);
        assert_eq!(got.expose()[..okm.len()], okm);
    };
    let counting = |from: u8, to: u8| (from..=to).collect::<Vec<u8>>();
    run(
        &[0x0b; 22],
        &counting(0x00, 0x0c),
        &counting(0xf0, 0xf9),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    );
    run(
        &counting(0x00, 0x4f),
        &counting(0x60, 0xaf),
        &counting(0xb0, 0xff),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09
         da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    );
    run(&[0x0b; 22], &[], &[], "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
    // Expand alone, from the first example's pseudorandom key.
    let prk = Secret::new(bytes("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"));
    let okm: Secret<42> = kdf::expand(&prk, &[&counting(0xf0, 0xf4), &counting(0xf5, 0xf9)]);
    let whole = unhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    assert_eq!(okm.expose()[..], whole);
    // Extract is HMAC: the first example's again, from the tool that the chains use.
    let mut salt = [0; 32];
    salt[..13].copy_from_slice(&counting(0x00, 0x0c));
    assert_eq!(kdf::hmac(&Secret::new(salt), &[0x0b; 22]), prk);
}

#[test]
fn rfc_8032_signatures() {
    let examples = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b
             d25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c
             387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659
             4a7c15e9716ed28dc027beceea1ec40a",
        ),
        (
            "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd
             454d4423643ce80e2a9ac94fa54ca49f",
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030
             3dca179c138ac17ad9bef1177331a704",
        ),
    ];
    for (seed, public, message, signature) in examples {
        let key = ed25519::SigningKey::from_secret(&Secret::new(bytes(seed)));
        assert_eq!(key.verifying_key().0, bytes(public));
        let (message, mut signature) = (unhex(message), bytes::<64>(signature));
        assert_eq!(key.verifying_key().verify_raw(&message, &signature), Ok(()));
        signature[0] ^= 1;
        assert_eq!(key.verifying_key().verify_raw(&message, &signature), Err(CryptoError::BadSignature));
    }
}
