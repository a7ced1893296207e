/*
 * network.h - src/http in virtual time. network.c defines its functions under
 * their own names. wire.h decides what happens to a request.
 */
#ifndef TEST_SIM_NETWORK_H
#define TEST_SIM_NETWORK_H

struct exchange;
struct world;

/* A complete response has arrived, or half of one, by its fate. */
void network_answered(struct world *world, struct exchange *exchange);

/* No response will arrive; see exchange->error. */
void network_failed(struct world *world, struct exchange *exchange);

/* A server's URL; its name is to be read from it. */
#define NETWORK_URL_FORMAT "https://%3[a-z].example"

/* The API key with that number. */
#define NETWORK_KEY_SIZE 32
const char *network_key_text(int key, char text[NETWORK_KEY_SIZE]);

#endif
