/* A QEMU plugin that counts the guest's executed instructions between marks.
 *
 * Loaded on the host into the dynamic qemu-aarch64 or qemu-arm:
 *   -plugin instruction_counter.so,out=FILE[,syscall=NUMBER]
 * Each time the guest enters the function `edgekit_step_mark`, a new interval begins. At exit, FILE gets
 * one decimal number a line: the instructions of each interval between two marks, in order. What runs
 * before the first mark or after the last is left out, and so is the marking function itself.
 * A program that cannot have that function, such as an interpreter of Python, marks by a system call that it makes for
 * nothing else: its number is the guest's.
 *
 * The unit is the translation block, a run of instructions that executes from its first to its last.
 * A call's target begins a block, so no block lies in two intervals. One guest thread only.
 *
 * QEMU packages carry no qemu-plugin.h, so the few declarations needed are repeated here. They are the
 * same in versions 1 to 5 of the interface; only the number that a plugin must claim differs, and it is
 * given as EDGEKIT_PLUGIN_API when compiling.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_CB_RW_REGS };

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *),
                                                 enum qemu_plugin_cb_flags, void *);
extern void qemu_plugin_register_vcpu_syscall_cb(qemu_plugin_id_t,
                                                 void (*)(qemu_plugin_id_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t,
                                                          uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));
extern void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
extern uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
extern const char *qemu_plugin_insn_symbol(const struct qemu_plugin_insn *);

#define EXPORT __attribute__((visibility("default")))

EXPORT int qemu_plugin_version = EDGEKIT_PLUGIN_API;

static const char MARK[] = "edgekit_step_mark";

static const char *out_path;
static int64_t mark_syscall = -1; /* none */
static uint64_t mark_address; /* 0 until the mark is first translated */
static uint64_t *counts;      /* one for each mark seen: the interval that it began */
static size_t marks, capacity;
static uint64_t current; /* instructions since the last mark */

static void die(const char *why) {
    fprintf(stderr, "instruction_counter: %s\n", why);
    exit(1);
}

static void on_block(unsigned cpu, void *instructions) {
    (void)cpu;
    current += (uintptr_t)instructions;
}

static void on_mark(unsigned cpu, void *nothing) {
    (void)cpu;
    (void)nothing;
    if (marks == capacity) {
        capacity = capacity ? 2 * capacity : 1024;
        counts = realloc(counts, capacity * sizeof *counts);
        if (!counts)
            die("out of memory");
    }
    if (marks > 0)
        counts[marks - 1] = current;
    marks++;
    current = 0;
}

static void on_syscall(qemu_plugin_id_t id, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                       uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
    (void)id, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
    if (number == mark_syscall)
        on_mark(cpu, NULL);
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
    (void)id;
    const struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(block, 0);
    uint64_t address = qemu_plugin_insn_vaddr(first);
    const char *symbol = qemu_plugin_insn_symbol(first);
    if (!symbol || strcmp(symbol, MARK) != 0) {
        uintptr_t length = qemu_plugin_tb_n_insns(block);
        qemu_plugin_register_vcpu_tb_exec_cb(block, on_block, QEMU_PLUGIN_CB_NO_REGS, (void *)length);
        return;
    }
    /* A symbol covers its whole function, and the first block of it that runs is its entry. */
    if (mark_address == 0)
        mark_address = address;
    if (address == mark_address)
        qemu_plugin_register_vcpu_tb_exec_cb(block, on_mark, QEMU_PLUGIN_CB_NO_REGS, NULL);
}

static void on_exit_(qemu_plugin_id_t id, void *nothing) {
    (void)id;
    (void)nothing;
    FILE *out = fopen(out_path, "w");
    if (!out)
        die("the output file cannot be written");
    for (size_t i = 0; i + 1 < marks; i++)
        fprintf(out, "%llu\n", (unsigned long long)counts[i]);
    if (fclose(out) != 0)
        die("the output file cannot be written");
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0)
            out_path = strdup(argv[i] + 4);
        if (strncmp(argv[i], "syscall=", 8) == 0)
            mark_syscall = strtoll(argv[i] + 8, NULL, 10);
    }
    if (!out_path) {
        fprintf(stderr, "instruction_counter: the argument out=FILE is missing\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    if (mark_syscall >= 0)
        qemu_plugin_register_vcpu_syscall_cb(id, on_syscall);
    qemu_plugin_register_atexit_cb(id, on_exit_, NULL);
    return 0;
}
