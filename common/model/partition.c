/* Rendezvous hashing: an account keeps its partitions as long as their number does not change, and nothing has to be
 * stored or agreed upon. A ring was rejected: with 24 partitions it spreads unevenly unless it has hundreds of points. */
#include "model/partition.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* The digest of a b. False: no memory. */
static bool hash(EVP_MD_CTX *ctx, struct slice a, struct slice b, unsigned char digest[EVP_MAX_MD_SIZE], unsigned *length)
{
    return EVP_DigestInit_ex(ctx, sha256, NULL) == 1 && EVP_DigestUpdate(ctx, a.p, a.len) == 1 &&
           EVP_DigestUpdate(ctx, b.p, b.len) == 1 && EVP_DigestFinal_ex(ctx, digest, length) == 1;
}

/* Its first eight bytes, big-endian. */
static bool hash_u64(EVP_MD_CTX *ctx, struct slice a, struct slice b, uint64_t *value)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length;

    if (!hash(ctx, a, b, digest, &length)) {
        return false;
    }
    *value = 0;
    for (int i = 0; i < 8; i++) {
        *value = *value << 8 | digest[i];
    }
    return true;
}

/* NULL: no memory. */
static EVP_MD_CTX *context_new(void)
{
    pthread_once(&sha256_once, fetch_sha256);
    return sha256 ? EVP_MD_CTX_new() : NULL;
}

/* The number of partitions owned; 0: no memory. */
static unsigned find_owned(EVP_MD_CTX *ctx, struct slice account_id, int32_t partitions, int32_t out[PARTITION_SHARES])
{
    uint64_t weights[PARTITION_SHARES];
    unsigned count = 0;

    for (int32_t i = 0; i < partitions; i++) {
        char suffix[16];
        uint64_t weight;
        int len = snprintf(suffix, sizeof suffix, "/%d", (int)i);
        if (!hash_u64(ctx, account_id, slice_of(suffix, (size_t)len), &weight)) {
            return 0;
        }
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
    return count;
}

/* Which of count the path picks: the whole digest as one big-endian number, mod count. */
static bool find_share(EVP_MD_CTX *ctx, struct slice path_bytes, unsigned count, unsigned *share)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length;
    uint64_t rest = 0;

    if (!hash(ctx, path_bytes, slice_of("", 0), digest, &length)) {
        return false;
    }
    for (unsigned i = 0; i < length; i += 4) {
        uint64_t word = (uint64_t)digest[i] << 24 | (uint64_t)digest[i + 1] << 16 | (uint64_t)digest[i + 2] << 8 | digest[i + 3];
        rest = (rest << 32 | word) % count;
    }
    *share = (unsigned)rest;
    return true;
}

unsigned partition_owned(struct slice account_id, int32_t partitions, int32_t out[PARTITION_SHARES])
{
    EVP_MD_CTX *ctx = context_new();

    check(ctx != NULL && partitions >= 1);
    unsigned count = find_owned(ctx, account_id, partitions, out);
    check(count > 0);
    EVP_MD_CTX_free(ctx);
    return count;
}

int32_t partition_pick(const int32_t *owned, unsigned count, struct slice path_bytes)
{
    EVP_MD_CTX *ctx = context_new();
    unsigned share;

    check(ctx != NULL && count >= 1);
    check(find_share(ctx, path_bytes, count, &share));
    EVP_MD_CTX_free(ctx);
    return owned[share];
}

int32_t partition_of(struct slice account_id, struct slice path_bytes, int32_t partitions)
{
    int32_t owned[PARTITION_SHARES];
    unsigned count = partition_owned(account_id, partitions, owned);
    return partition_pick(owned, count, path_bytes);
}

enum err partition_find(struct slice account_id, struct slice path_bytes, int32_t partitions, int32_t *out)
{
    int32_t owned[PARTITION_SHARES];
    unsigned share;

    if (partitions < 1) {
        return ERR_INVALID;
    }
    EVP_MD_CTX *ctx = context_new();
    unsigned count = ctx ? find_owned(ctx, account_id, partitions, owned) : 0;
    bool found = count > 0 && find_share(ctx, path_bytes, count, &share);
    EVP_MD_CTX_free(ctx);
    if (!found) {
        return ERR_NO_MEMORY;
    }
    *out = owned[share];
    return ERR_OK;
}
