/*
 * admin_tokens.h - tokens of programs, and sessions of browsers that have
 * logged in with one. Of a token only the digest is kept, and comparing takes
 * the same time whatever differs.
 */
#ifndef DAEMON_ADMIN_TOKENS_H
#define DAEMON_ADMIN_TOKENS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "config/config.h"
#include "daemon/admin/admin_route.h"

#define ADMIN_DIGEST_SIZE 32
#define ADMIN_SESSION_ID_SIZE 65 /* 64 hexadecimal digits and a NUL */
#define ADMIN_SESSION_COUNT_MAX 32
#define ADMIN_SESSION_S 43200 /* 12 hours */

/* A token file, and what was read from it. */
struct admin_token {
    unsigned char digest[ADMIN_DIGEST_SIZE]; /* of the token */
    bool is_known;                           /* digest is set */
    bool is_told;                            /* that it cannot be read */
    struct timespec changed_at;              /* of the file, when it was read */
    ino_t inode;                             /* likewise */
    off_t size;                              /* likewise */
};

/* A browser that is logged in. */
struct admin_session {
    unsigned char digest[ADMIN_DIGEST_SIZE]; /* of its id */
    enum admin_role role;                    /* NONE: free */
    uint64_t expires_at_ms;                  /* wall clock */
    /* Of the token it has logged in with: it ends when that changes. */
    unsigned char token[ADMIN_DIGEST_SIZE];
};

struct admin_tokens {
    struct admin_token full; /* admin.token_file */
    struct admin_token read; /* admin.read_token_file */
    struct admin_session sessions[ADMIN_SESSION_COUNT_MAX];
};

/* The role of whoever knows this token; NONE if it is not one. Reads the files
 * again if they have changed. */
enum admin_role admin_tokens_check(struct admin_tokens *tokens,
                                   const struct config_admin *config,
                                   const char *token);

/* Logs in: the new session replaces the one that would expire first, if there
 * are too many. Sets id, to be sent as a cookie. NULL: not a token, or there is
 * no randomness. */
const struct admin_session *admin_tokens_login(
    struct admin_tokens *tokens, const struct config_admin *config,
    const char *token, uint64_t now_ms, char id[ADMIN_SESSION_ID_SIZE]);

/* The session with this id; NULL: none, or it has expired. */
struct admin_session *admin_tokens_session(struct admin_tokens *tokens,
                                           const struct config_admin *config,
                                           const char *id, uint64_t now_ms);

void admin_tokens_logout(struct admin_session *session);

#endif
