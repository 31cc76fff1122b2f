/* Rendezvous hashing: an account keeps its partitions as long as their number does not change, and nothing has to be
 * stored or agreed upon. A ring was rejected: with 24 partitions it spreads unevenly unless it has hundreds of points. */
#include "model/partition.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>

static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* First eight bytes, big-endian, of SHA-256(a b). */
static uint64_t hash_u64(EVP_MD_CTX *ctx, struct slice a, struct slice b)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    uint64_t value = 0;

    check(EVP_DigestInit_ex(ctx, sha256, NULL) == 1);
    check(EVP_DigestUpdate(ctx, a.p, a.len) == 1);
    check(EVP_DigestUpdate(ctx, b.p, b.len) == 1);
    check(EVP_DigestFinal_ex(ctx, digest, NULL) == 1);
    for (int i = 0; i < 8; i++) {
        value = value << 8 | digest[i];
    }
    return value;
}

static EVP_MD_CTX *context_new(void)
{
    pthread_once(&sha256_once, fetch_sha256);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    check(sha256 != NULL && ctx != NULL);
    return ctx;
}

unsigned partition_owned(struct slice account_id, int32_t partitions, int32_t out[PARTITION_SHARES])
{
    uint64_t weights[PARTITION_SHARES];
    unsigned count = 0;
    EVP_MD_CTX *ctx = context_new();

    check(partitions >= 1);
    for (int32_t i = 0; i < partitions; i++) {
        char suffix[16];
        int len = snprintf(suffix, sizeof suffix, "/%d", (int)i);
        uint64_t weight = hash_u64(ctx, account_id, slice_of(suffix, (size_t)len));
        unsigned at = count;
        while (at > 0 && weights[at - 1] < weight) { /* equal: the lower partition, seen first, stays in front */
            at--;
        }
        if (at == PARTITION_SHARES) {
            continue;
        }
        count += count < PARTITION_SHARES;
        for (unsigned j = count - 1; j > at; j--) {
            weights[j] = weights[j - 1];
            out[j] = out[j - 1];
        }
        weights[at] = weight;
        out[at] = i;
    }
    EVP_MD_CTX_free(ctx);
    return count;
}

int32_t partition_pick(const int32_t *owned, unsigned count, struct slice path_bytes)
{
    EVP_MD_CTX *ctx = context_new();
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    unsigned rest = 0;

    check(count >= 1);
    check(EVP_DigestInit_ex(ctx, sha256, NULL) == 1);
    check(EVP_DigestUpdate(ctx, path_bytes.p, path_bytes.len) == 1);
    check(EVP_DigestFinal_ex(ctx, digest, &length) == 1);
    for (unsigned i = 0; i < length; i++) { /* the whole digest as one big-endian number, mod count */
        rest = (rest << 8 | digest[i]) % count;
    }
    EVP_MD_CTX_free(ctx);
    return owned[rest];
}

int32_t partition_of(struct slice account_id, struct slice path_bytes, int32_t partitions)
{
    int32_t owned[PARTITION_SHARES];
    unsigned count = partition_owned(account_id, partitions, owned);
    return partition_pick(owned, count, path_bytes);
}
