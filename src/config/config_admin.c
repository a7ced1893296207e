/*
 * config_admin.c - where the process can be observed and controlled: the map
 * `admin`, its options and its rules.
 *
 * The unix socket is protected by its mode. A port is open to every user of the
 * machine, and to every page that one of them has open in a browser, so it
 * requires a token.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/reason.h"
#include "config/config_mapping.h"
#include "config/config_value.h"

#define HOST_SIZE_MAX 64 /* an address; names are not looked up */

#define IN_ADMIN(member) .offset = offsetof(struct config_admin, member)

/* Splits "127.0.0.1:8080" or "[::1]:8080". Returns the port; 0: invalid. */
static unsigned listen_split(const char *value, char host[HOST_SIZE_MAX])
{
    const char *colon = strrchr(value, ':');
    char *end = NULL;
    if (colon == NULL || colon[1] < '0' || colon[1] > '9') {
        return 0;
    }
    unsigned long port = strtoul(colon + 1, &end, 10);
    size_t size = (size_t)(colon - value);
    if (value[0] == '[' && size > 2 && colon[-1] == ']') {
        value++;
        size -= 2;
    } else if (memchr(value, ':', size) != NULL) {
        return 0;
    }
    if (*end != '\0' || port > 65535 || size == 0 || size >= HOST_SIZE_MAX) {
        return 0;
    }
    snprintf(host, HOST_SIZE_MAX, "%.*s", (int)size, value);
    return (unsigned)port;
}

bool config_admin_address(const char *listen, struct sockaddr_storage *address)
{
    char host[HOST_SIZE_MAX];
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    unsigned port = listen_split(listen, host);
    memset(address, 0, sizeof *address);
    if (port == 0) {
        return false;
    }
    const char *name = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    if (inet_pton(AF_INET, name, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        return true;
    }
    if (inet_pton(AF_INET6, name, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        return true;
    }
    return false;
}

static bool is_loopback(const struct sockaddr_storage *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    return address->ss_family == AF_INET
               ? ntohl(v4->sin_addr.s_addr) >> 24 == 127
               : IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static int listen_check(const char *value, char *why, size_t why_size)
{
    struct sockaddr_storage address;
    if (!config_admin_address(value, &address)) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "no address and port: write it like "
                            "127.0.0.1:8080 or [::1]:8080");
    }
    return 0;
}

static const struct option_row rows[] = {
    {
        .name = "socket",
        .value = OPTION_PATH,
        .fallback = "none",
        IN_ADMIN(socket),
        .help = "The unix socket to listen on. With none, admin.sock in "
                "state_dir. Its mode is 0600: only the user of the process, "
                "and root, can open it, and they may do everything.",
    },
    {
        .name = "listen",
        .value = OPTION_TEXT,
        .word = "ADDRESS:PORT",
        .fallback = "none",
        .check = listen_check,
        IN_ADMIN(listen),
        .help = "A TCP port to listen on as well, for the page and for "
                "programs, such as 127.0.0.1:8080. It requires token_file or "
                "read_token_file.",
    },
    {
        .name = "token_file",
        .value = OPTION_PRIVATE_FILE,
        .fallback = "none",
        IN_ADMIN(token_file),
        .help = "File with the token of those who may do everything through "
                "the port: 16 to 256 printable characters. It is read again "
                "when it changes.",
    },
    {
        .name = "read_token_file",
        .value = OPTION_PRIVATE_FILE,
        .fallback = "none",
        IN_ADMIN(read_token_file),
        .help = "The same for those who may only look, and never see a "
                "message.",
    },
    {
        .name = "hosts",
        .value = OPTION_TEXT_LIST,
        .fallback = "none",
        .word = "list of names",
        IN_ADMIN(hosts),
        .help = "Names under which browsers reach the port, beside its address "
                "and localhost: those of a proxy in front of it. Requests to "
                "other names are refused, since they may come from a page of "
                "somebody else.",
    },
    {
        .name = "allow_remote",
        .value = OPTION_BOOL,
        .fallback = "false",
        IN_ADMIN(allows_remote),
        .help = "Allows listen to be an address other than loopback. Tokens "
                "and responses then cross the network unencrypted, so put a "
                "proxy with TLS in front of it instead.",
    },
};
const struct option_table config_admin_rows = {rows,
                                               sizeof rows / sizeof rows[0]};

/* Rules that concern several options. */
static void rules_check(const struct config_mapping *mapping,
                        const struct config_admin *admin)
{
    struct sockaddr_storage address;
    const struct config_pair *listen = config_mapping_find(mapping, "listen");
    if (listen == NULL || admin->listen == NULL) {
        return;
    }
    if (admin->token_file == NULL && admin->read_token_file == NULL) {
        config_mapping_fail(mapping, HP_VALUE_REFUSED, listen,
                            "listen: every user of this machine could use the "
                            "port: set token_file, read_token_file or both");
    }
    if (!admin->allows_remote &&
        config_admin_address(admin->listen, &address) &&
        !is_loopback(&address)) {
        config_mapping_fail(mapping, HP_VALUE_REFUSED, listen,
                            "listen: it is not a loopback address: write "
                            "127.0.0.1:PORT, or set allow_remote: true");
    }
}

void config_admin_begin(struct config_loading *loading)
{
    if (config_values_default(loading->config, &config_admin_rows,
                              &loading->config->admin) != 0) {
        config_loading_no_memory(loading);
    }
}

void config_admin_take(const struct config_mapping *mapping)
{
    struct config_admin *admin = &mapping->loading->config->admin;
    if (config_mapping_apply(mapping, &config_admin_rows, admin, NULL) == 0) {
        rules_check(mapping, admin);
    }
}
