/*
 * network.h - src/http in virtual time: its functions are defined in network.c,
 * under their own names. What becomes of a request is wire.h's.
 */
#ifndef TEST_SIM_NETWORK_H
#define TEST_SIM_NETWORK_H

struct exchange;
struct world;

/* A whole answer has come (or, with its fate, half of one). */
void network_answered(struct world *world, struct exchange *exchange);

/* None has come, and none will: exchange->error. */
void network_failed(struct world *world, struct exchange *exchange);

/* A server's URL; its name is to be read from it. */
#define NETWORK_URL_FORMAT "https://%3[a-z].example"

/* The API key with that number. */
#define NETWORK_KEY_SIZE 32
const char *network_key_text(int key, char text[NETWORK_KEY_SIZE]);

#endif
