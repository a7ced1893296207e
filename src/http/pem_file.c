#include "http/pem_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/alloc.h"

#define BEGIN "-----BEGIN "
#define END "-----END "
#define DASHES "-----"
#define BYTE_ORDER_MARK "\xef\xbb\xbf" /* some editors put it first */

struct line {
    const char *text; /* in the file */
    size_t size;      /* without blanks at its end */
};

/* Reading */

static struct pem_stamp stamp_of(const struct stat *status)
{
    return (struct pem_stamp){
        .device = status->st_dev,
        .inode = status->st_ino,
        .size = status->st_size,
        .modified = status->st_mtim,
        .changed = status->st_ctim,
    };
}

static bool is_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool pem_stamp_is_same(const struct pem_stamp *a, const struct pem_stamp *b)
{
    return a->device == b->device && a->inode == b->inode &&
           a->size == b->size && is_same_time(a->modified, b->modified) &&
           is_same_time(a->changed, b->changed);
}

bool pem_stamp_is_current(const struct pem_stamp *stamp, const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return false;
    }
    struct pem_stamp now = stamp_of(&status);
    return pem_stamp_is_same(stamp, &now);
}

static int system_error(struct reason *why, const char *path, int number)
{
    char text[128];
    uv_strerror_r(uv_translate_sys_error(number), text, sizeof text);
    return reason_set(why, HAPLO_ETLS, "%s cannot be read: %s", path, text);
}

/* A pipe would block the loop, and could be read once only. */
static int check_status(const struct pem_file *file, const struct stat *status,
                        struct reason *why)
{
    if (!S_ISREG(status->st_mode)) {
        return reason_set(why, HAPLO_ETLS, "%s is not a regular file",
                          file->path);
    }
    if (status->st_size > PEM_FILE_SIZE_MAX) {
        return reason_set(why, HAPLO_ETLS, "%s has more than %d bytes",
                          file->path, PEM_FILE_SIZE_MAX);
    }
    return 0;
}

/* As far as it goes: the file may be shorter by now, and if it is longer, the
 * stamp is no longer current. */
static int read_all(struct pem_file *file, int fd, size_t size,
                    struct reason *why)
{
    file->text = alloc_bytes(size + 1);
    if (file->text == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    ssize_t got = 1;
    while (file->size < size && got != 0) {
        got = read(fd, file->text + file->size, size - file->size);
        if (got < 0 && errno != EINTR) {
            return system_error(why, file->path, errno);
        }
        file->size += got > 0 ? (size_t)got : 0;
    }
    file->text[file->size] = '\0';
    return 0;
}

static int read_open(struct pem_file *file, int fd, struct reason *why)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return system_error(why, file->path, errno);
    }
    int error = check_status(file, &status, why);
    if (error != 0) {
        return error;
    }
    file->stamp = stamp_of(&status);
    return read_all(file, fd, (size_t)status.st_size, why);
}

int pem_file_read(struct pem_file *file, const char *path, struct reason *why)
{
    *file = (struct pem_file){.path = path, .line = 1};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return system_error(why, path, errno);
    }
    int error = read_open(file, fd, why);
    (void)close(fd);
    if (error != 0) {
        file->stamp = (struct pem_stamp){0};
        return error;
    }
    size_t mark_size = strlen(BYTE_ORDER_MARK);
    bool has_mark = strncmp(file->text, BYTE_ORDER_MARK, mark_size) == 0;
    file->at = file->text + (has_mark ? mark_size : 0);
    return 0;
}

void pem_file_clear(struct pem_file *file)
{
    if (file->text != NULL) {
        explicit_bzero(file->text, file->size);
        alloc_free(file->text);
        file->text = NULL;
    }
}

/* Blocks */

/* False at the end of the file. A NUL ends the file: OpenSSL would not read
 * beyond it either. */
static bool next_line(struct pem_file *file, struct line *line)
{
    if (*file->at == '\0') {
        return false;
    }
    line->text = file->at;
    line->size = strcspn(file->at, "\n");
    file->at += line->size + (file->at[line->size] == '\n');
    file->line++;
    while (line->size > 0 && strchr(" \t\r", line->text[line->size - 1])) {
        line->size--;
    }
    return true;
}

static bool line_begins(const struct line *line, const char *with)
{
    size_t size = strlen(with);
    return line->size >= size && memcmp(line->text, with, size) == 0;
}

/* Copies the label of a first or last line; false if it has none. Nothing else
 * is taken for one, as labels are shown, and a key may be on the same line. */
static bool label_read(char *label, const struct line *line, const char *prefix)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ";
    if (!line_begins(line, prefix)) {
        return false;
    }
    const char *begin = line->text + strlen(prefix);
    size_t size = strspn(begin, letters);
    if (size == 0 || size >= PEM_LABEL_SIZE_MAX ||
        strlen(prefix) + size + strlen(DASHES) != line->size ||
        memcmp(begin + size, DASHES, strlen(DASHES)) != 0) {
        return false;
    }
    memcpy(label, begin, size);
    label[size] = '\0';
    return true;
}

/* True for a first or last line outside of its place, damaged or indented. */
static bool is_meant_as_mark(const struct line *line)
{
    static const char *const parts[] = {
        "BEGIN CERTIFICATE", "END CERTIFICATE", "BEGIN TRUSTED", "END TRUSTED",
        "BEGIN X509",        "END X509",        "PRIVATE KEY-",
    };
    size_t blank_size = strspn(line->text, " \t");
    if (blank_size >= line->size || line->text[blank_size] != '-') {
        return false;
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (memmem(line->text, line->size, parts[i], strlen(parts[i])) !=
            NULL) {
            return true;
        }
    }
    return false;
}

/* Reads up to the last line of the block, which begins with dashes. */
static int block_finish(struct pem_file *file, struct pem_block *block,
                        struct reason *why)
{
    struct line line;
    char label[PEM_LABEL_SIZE_MAX] = "";
    while (next_line(file, &line)) {
        if (line_begins(&line, DASHES)) {
            if (label_read(label, &line, END) &&
                strcmp(label, block->label) == 0) {
                block->size = (size_t)(file->at - block->text);
                return 0;
            }
            break;
        }
    }
    return reason_set(why, HAPLO_ETLS,
                      "%s, line %u: the block has no line \"" END "%s" DASHES
                      "\"",
                      file->path, block->line, block->label);
}

int pem_file_next(struct pem_file *file, struct pem_block *block,
                  struct reason *why)
{
    struct line line;
    *block = (struct pem_block){.label = ""};
    while (next_line(file, &line)) {
        block->line = file->line - 1;
        if (label_read(block->label, &line, BEGIN)) {
            block->text = line.text;
            return block_finish(file, block, why);
        }
        if (is_meant_as_mark(&line)) {
            /* Not quoted: a key may be on it. */
            return reason_set(why, HAPLO_ETLS,
                              "%s, line %u: a damaged or misplaced BEGIN or "
                              "END line",
                              file->path, block->line);
        }
    }
    return 0;
}

int pem_no_passphrase(char *buffer, int size, int is_writing, void *data)
{
    (void)buffer;
    (void)size;
    (void)is_writing;
    (void)data;
    return -1;
}

/* OpenSSL always says what is wrong with its input. */
int pem_block_error(const struct pem_file *file, const struct pem_block *block,
                    struct reason *why)
{
    unsigned long number = ERR_peek_error();
    const char *text = ERR_reason_error_string(number);
    if (number == 0 || ERR_GET_REASON(number) == ERR_R_MALLOC_FAILURE) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    return reason_set(why, HAPLO_ETLS,
                      "%s, line %u: the block %s cannot be decoded: %s",
                      file->path, block->line, block->label,
                      text != NULL ? text : "it is damaged");
}
