// Gatehouse's way to the Secure Enclave of a Mac. CryptoKit needs no entitlement for such keys, but can be called from
// Swift only; hence a program of its own. EXPERIMENTAL: written from Apple's documentation, not yet run on a Mac.
//
// Build:  swiftc -O -o bin/gatehouse-enclave native/macos/gatehouse-enclave.swift
//
// One request on stdin, one answer on stdout, each one JSON object of at most 64 KiB; docs/platforms.md has the fields.
// The key is wrapped by this Mac's enclave: the bytes that leave this program are of use nowhere else.
import CryptoKit
import Foundation
import Security

let protocolVersion = 1
let maxRequest = 64 * 1024
let maxMessage = 1024

struct Request: Decodable {
    let version: Int
    let op: String
    let key: Data?
    let message: Data?
}

struct Answer: Encodable {
    var version = protocolVersion
    var available: Bool?
    var key: Data?
    var public_key: Data?
    var signature: Data?
    var error: Refusal?
}

/// `code` is one of: bad_request, no_enclave, key_unusable, failed.
struct Refusal: Encodable, Error {
    let code: String
    let message: String
}

/// Usable once the person has unlocked the Mac, never elsewhere, and without a question at each use.
func makeKey() throws -> SecureEnclave.P256.Signing.PrivateKey {
    guard SecureEnclave.isAvailable else {
        throw Refusal(code: "no_enclave", message: "this Mac has no Secure Enclave")
    }
    var problem: Unmanaged<CFError>?
    let access = SecAccessControlCreateWithFlags(
        nil, kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly, [.privateKeyUsage], &problem)
    guard let access else {
        throw Refusal(code: "failed", message: "no access control: \(String(describing: problem))")
    }
    return try SecureEnclave.P256.Signing.PrivateKey(accessControl: access)
}

func openKey(_ wrapped: Data) throws -> SecureEnclave.P256.Signing.PrivateKey {
    guard SecureEnclave.isAvailable else {
        throw Refusal(code: "no_enclave", message: "this Mac has no Secure Enclave")
    }
    do {
        return try SecureEnclave.P256.Signing.PrivateKey(dataRepresentation: wrapped)
    } catch {
        throw Refusal(code: "key_unusable", message: "\(error)")
    }
}

func answer(_ request: Request) throws -> Answer {
    guard request.version == protocolVersion else {
        throw Refusal(code: "bad_request", message: "version \(request.version)")
    }
    switch (request.op, request.key, request.message) {
    case ("probe", nil, nil):
        return Answer(available: SecureEnclave.isAvailable)
    case ("create", nil, nil):
        let key = try makeKey()
        return Answer(key: key.dataRepresentation, public_key: key.publicKey.derRepresentation)
    case ("sign", let key?, let message?) where !message.isEmpty && message.count <= maxMessage:
        // ECDSA over SHA-256 of the message.
        return Answer(signature: try openKey(key).signature(for: message).derRepresentation)
    default:
        throw Refusal(code: "bad_request", message: "operation \(request.op)")
    }
}

func readRequest() throws -> Request {
    let input = try FileHandle.standardInput.read(upToCount: maxRequest + 1) ?? Data()
    guard input.count <= maxRequest else {
        throw Refusal(code: "bad_request", message: "the request is too large")
    }
    do {
        return try JSONDecoder().decode(Request.self, from: input)
    } catch {
        throw Refusal(code: "bad_request", message: "the request is no JSON of ours")
    }
}

var result: Answer
do {
    result = try answer(try readRequest())
} catch let refusal as Refusal {
    result = Answer(error: refusal)
} catch {
    result = Answer(error: Refusal(code: "failed", message: "\(error)"))
}
FileHandle.standardOutput.write(try JSONEncoder().encode(result))
exit(result.error == nil ? 0 : 1)
