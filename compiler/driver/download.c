#include "download.h"

#include "../../runtime/files.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- checksum -------------------------------------------------------------------------------- */

enum { DIGITS_MD5 = 32, DIGITS_SHA256 = 64 };

static bool digest_file(FILE *f, EVP_MD_CTX *digest, const EVP_MD *kind,
                        char text[DIGITS_SHA256 + 1]) {
    static unsigned char block[1 << 16];
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    size_t n;
    bool ok = EVP_DigestInit_ex(digest, kind, NULL) == 1;
    while (ok && (n = fread(block, 1, sizeof block, f)) > 0)
        ok = EVP_DigestUpdate(digest, block, n) == 1;
    ok = ok && !ferror(f) && EVP_DigestFinal_ex(digest, sum, &length) == 1;
    for (unsigned i = 0; ok && i < length && 2 * i < DIGITS_SHA256; i++)
        snprintf(text + (size_t)2 * i, 3, "%02x", sum[i]);
    return ok;
}

/* Whether there is a file with this checksum. */
static bool has_sum(const char *path, const char *expected) {
    char text[DIGITS_SHA256 + 1] = "";
    const EVP_MD *kind = strlen(expected) == DIGITS_MD5 ? EVP_md5() : EVP_sha256();
    FILE *f = fopen(path, "rb");
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool ok = f && digest && digest_file(f, digest, kind, text) && !strcmp(text, expected);
    EVP_MD_CTX_free(digest);
    if (f) fclose(f);
    return ok;
}

/* ---- transfer -------------------------------------------------------------------------------- */

typedef struct {
    curl_off_t have; /* bytes of an earlier attempt */
    int shown;       /* per cent */
} Progress;

static int show_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total,
                         curl_off_t up_now) {
    Progress *p = context;
    (void)up_total, (void)up_now;
    if (total <= 0) return 0;
    int percent = (int)(100 * (p->have + now) / (p->have + total));
    if (percent != p->shown && isatty(STDERR_FILENO))
        fprintf(stderr, "\r%3d %% of %.1f MB", percent, (double)(p->have + total) / 1e6);
    p->shown = percent;
    return 0;
}

static CURLcode transfer(CURL *curl, const char *url, FILE *part, char error[CURL_ERROR_SIZE]) {
    Progress progress = {.have = ftello(part), .shown = -1};
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, part);
    curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, progress.have);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 20L);
    /* a connection that stands still for a minute is given up: the next attempt goes on from here
     */
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, show_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &progress);
    CURLcode code = curl_easy_perform(curl);
    if (isatty(STDERR_FILENO)) fputc('\n', stderr);
    return code;
}

static bool explain(CURLcode code, const char *url, const char *detail, lathe_error *e) {
    bool network = code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT ||
                   code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_OPERATION_TIMEDOUT;
    return lathe_fail(e, "%s: %s%s", url, *detail ? detail : curl_easy_strerror(code),
                      network ? "; there is no network, or it does not reach this server" : "");
}

/* Appends to the part file what it does not have yet. */
static bool fetch_part(const char *url, const char *part, lathe_error *e) {
    char detail[CURL_ERROR_SIZE] = "";
    FILE *f = fopen(part, "ab");
    if (!f || fseeko(f, 0, SEEK_END)) {
        if (f) fclose(f);
        return lathe_fail(e, "%s: %s", part, strerror(errno));
    }
    CURL *curl = curl_easy_init();
    CURLcode code = curl ? transfer(curl, url, f, detail) : CURLE_OUT_OF_MEMORY;
    curl_easy_cleanup(curl);
    bool empty = ftello(f) == 0;
    bool written = !fclose(f);
    if (empty) remove(part);
    if (code) return explain(code, url, detail, e);
    return written || lathe_fail(e, "%s: %s", part, strerror(errno));
}

bool download(const char *url, const char *sum, const char *path, lathe_error *e) {
    if (has_sum(path, sum)) return true;
    size_t size = strlen(path) + sizeof ".part";
    char *part = malloc(size);
    if (!part) return lathe_fail(e, "out of memory");
    snprintf(part, size, "%s.part", path);
    bool ok = has_sum(part, sum) || fetch_part(url, part, e);
    if (ok && !has_sum(part, sum)) {
        ok = lathe_fail(e, "%s: the file has not the checksum %s that was published with it", url,
                        sum);
        remove(part);
    }
    if (ok && rename(part, path)) ok = lathe_fail(e, "%s: %s", path, strerror(errno));
    free(part);
    return ok;
}
