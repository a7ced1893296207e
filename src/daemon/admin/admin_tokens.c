#include "daemon/admin/admin_tokens.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/input_file.h"
#include "daemon/log/log.h"

#define RANDOM_SIZE 32

static bool make_digest(const char *text, size_t size,
                        unsigned char digest[ADMIN_DIGEST_SIZE])
{
    return EVP_Digest(text, size, digest, NULL, EVP_sha256(), NULL) == 1;
}

static bool is_same(const unsigned char *a, const unsigned char *b)
{
    return CRYPTO_memcmp(a, b, ADMIN_DIGEST_SIZE) == 0;
}

/* Token files */

/* Reads a token into text, of size bytes. 0 or HAPLO_EINVAL with why set. */
static int read_token(const char *path, char *text, size_t size, char *why,
                      size_t why_size)
{
    int fd;
    size_t filled = 0;
    int error = input_file_open(path, true, &fd, why, why_size);
    if (error != 0) {
        return error;
    }
    error = input_file_read(fd, text, size - 1, &filled, why, why_size);
    close(fd);
    while (filled > 0 && strchr("\r\n", text[filled - 1]) != NULL) {
        filled--;
    }
    text[filled] = '\0';
    /* Tokens are made of the same characters as API keys. */
    return error != 0 ? error : haplo_api_key_check(text, why, why_size);
}

/* By the time of its inode: a corrected mode changes nothing else. */
static bool has_changed(const struct admin_token *token,
                        const struct stat *status)
{
    return token->inode != status->st_ino || token->size != status->st_size ||
           token->changed_at.tv_sec != status->st_ctim.tv_sec ||
           token->changed_at.tv_nsec != status->st_ctim.tv_nsec;
}

static void tell(struct admin_token *token, const char *path, const char *why)
{
    if (!token->is_told) {
        log_line(LOG_LEVEL_WARNING, "admin: %s: %s: nobody can use this token",
                 path, why);
        token->is_told = true;
    }
}

/* Reads the file if it has changed. A file that is gone lets nobody in. */
static void refresh(struct admin_token *token, const char *path)
{
    char text[HAPLO_KEY_SIZE_MAX + 3];
    char why[HAPLO_TEXT_SIZE_MAX];
    struct stat status = {0};
    if (path == NULL || stat(path, &status) != 0) {
        token->is_known = false;
        token->inode = 0;
        return;
    }
    if (!has_changed(token, &status)) {
        return;
    }
    token->inode = status.st_ino;
    token->size = status.st_size;
    token->changed_at = status.st_ctim;
    int error = read_token(path, text, sizeof text, why, sizeof why);
    token->is_known =
        error == 0 && make_digest(text, strlen(text), token->digest);
    OPENSSL_cleanse(text, sizeof text);
    if (error != 0) {
        tell(token, path, why);
    } else {
        token->is_told = false;
    }
}

static bool knows(const struct admin_token *token,
                  const unsigned char digest[ADMIN_DIGEST_SIZE])
{
    return token->is_known && is_same(token->digest, digest);
}

static enum admin_role role_of(struct admin_tokens *tokens,
                               const struct config_admin *config,
                               const unsigned char digest[ADMIN_DIGEST_SIZE])
{
    refresh(&tokens->full, config->token_file);
    refresh(&tokens->read, config->read_token_file);
    return knows(&tokens->full, digest)   ? ADMIN_ROLE_FULL
           : knows(&tokens->read, digest) ? ADMIN_ROLE_READ
                                          : ADMIN_ROLE_NONE;
}

enum admin_role admin_tokens_check(struct admin_tokens *tokens,
                                   const struct config_admin *config,
                                   const char *token)
{
    unsigned char digest[ADMIN_DIGEST_SIZE];
    return make_digest(token, strlen(token), digest)
               ? role_of(tokens, config, digest)
               : ADMIN_ROLE_NONE;
}

/* Sessions */

static struct admin_session *free_session(struct admin_tokens *tokens)
{
    struct admin_session *oldest = &tokens->sessions[0];
    for (size_t i = 0; i < ADMIN_SESSION_COUNT_MAX; i++) {
        struct admin_session *session = &tokens->sessions[i];
        if (session->role == ADMIN_ROLE_NONE) {
            return session;
        }
        if (session->expires_at_ms < oldest->expires_at_ms) {
            oldest = session;
        }
    }
    return oldest;
}

static bool make_id(char id[ADMIN_SESSION_ID_SIZE])
{
    unsigned char random[RANDOM_SIZE];
    if (RAND_bytes(random, sizeof random) != 1) {
        return false;
    }
    for (size_t i = 0; i < sizeof random; i++) {
        snprintf(id + 2 * i, 3, "%02x", random[i]);
    }
    return true;
}

const struct admin_session *admin_tokens_login(
    struct admin_tokens *tokens, const struct config_admin *config,
    const char *token, uint64_t now_ms, char id[ADMIN_SESSION_ID_SIZE])
{
    unsigned char digest[ADMIN_DIGEST_SIZE];
    if (!make_digest(token, strlen(token), digest)) {
        return NULL;
    }
    enum admin_role role = role_of(tokens, config, digest);
    if (role == ADMIN_ROLE_NONE || !make_id(id)) {
        return NULL;
    }
    struct admin_session *session = free_session(tokens);
    *session = (struct admin_session){
        .role = role,
        .expires_at_ms = now_ms + ADMIN_SESSION_S * UINT64_C(1000),
    };
    memcpy(session->token, digest, sizeof digest);
    if (!make_digest(id, strlen(id), session->digest)) {
        session->role = ADMIN_ROLE_NONE;
        return NULL;
    }
    return session;
}

struct admin_session *admin_tokens_session(struct admin_tokens *tokens,
                                           const struct config_admin *config,
                                           const char *id, uint64_t now_ms)
{
    unsigned char digest[ADMIN_DIGEST_SIZE];
    if (!make_digest(id, strlen(id), digest)) {
        return NULL;
    }
    for (size_t i = 0; i < ADMIN_SESSION_COUNT_MAX; i++) {
        struct admin_session *session = &tokens->sessions[i];
        if (session->role == ADMIN_ROLE_NONE ||
            !is_same(session->digest, digest)) {
            continue;
        }
        if (session->expires_at_ms > now_ms &&
            role_of(tokens, config, session->token) == session->role) {
            return session;
        }
        session->role = ADMIN_ROLE_NONE;
    }
    return NULL;
}

void admin_tokens_logout(struct admin_session *session)
{
    *session = (struct admin_session){0};
}
