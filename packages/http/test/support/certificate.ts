/**
 * A certificate that signs itself, for the servers of tests: of `models.test`, `localhost` and 127.0.0.1, from 2020 to
 * 2120, on the curve P-256. Its key is no secret: nobody trusts it but the tests that say so.
 */
import { Effect } from "effect"
import * as Tls from "node:tls"

export const cert = `-----BEGIN CERTIFICATE-----
MIIBVzCB/6ADAgECAgEBMAoGCCqGSM49BAMCMBYxFDASBgNVBAMMC21vZGVscy50
ZXN0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAWMRQwEgYDVQQD
DAttb2RlbHMudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEW8ueA18dBU
+069DU9ZLKVUllKg2CwfrjZkzz8e6rqmZX03Uncz/XNOgn7ApNTe0rfLu22udlyA
7Q17Pe/RHDqjPDA6MCcGA1UdEQQgMB6CC21vZGVscy50ZXN0gglsb2NhbGhvc3SH
BH8AAAEwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiBRHF3tS+ua
mjPpxBBdfYV6eOrKLh0Jeu1fE5OH/MkTdgIgL0h9OFcJIXDhgLgwpPp5BrJrj2Uz
6W2CoAwTNaJLGd4=
-----END CERTIFICATE-----
`

export const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdQyXRfdr5pqJMae7
aQ87smTRCKcBbfQwdU2xnUdTHXqhRANCAARFvLngNfHQVPtOvQ1PWSylVJZSoNgs
H642ZM8/Huq6pmV9N1J3M/1zToJ+wKTU3tK3y7ttrnZcgO0Nez3v0Rw6
-----END PRIVATE KEY-----
`

/** Clients of this process trust the certificate until the scope closes. */
export const trusted = Effect.acquireRelease(
  Effect.sync(() => {
    const before = Tls.getCACertificates("default")
    Tls.setDefaultCACertificates([...before, cert])
    return before
  }),
  (before) => Effect.sync(() => Tls.setDefaultCACertificates(before))
)
