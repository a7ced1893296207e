// The peer "Go net/http": one client, a goroutine for each queue.
//
//	cycle [-raw] HOSTS AT-ONCE WARM-CYCLES CYCLES CA-FILE
//
// Messages are decoded into their fields, as the other peers' parsers do; with
// -raw they stay bytes, which is the least that can be done.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	poll         = "/api/haplo-integration-messages/poll/"
	key          = "0123456789012345678901234567890123456789abcd"
	messageCount = 16
)

type message struct {
	ID       int       `json:"id"`
	Datetime time.Time `json:"datetime"`
	Type     string    `json:"type"`
	Username string    `json:"username"`
	Name     struct {
		First string `json:"first"`
		Last  string `json:"last"`
	} `json:"name"`
	Email     string  `json:"email"`
	Programme string  `json:"programme"`
	Hours     float64 `json:"hours"`
	Active    bool    `json:"active"`
}

type batch struct {
	Token    string    `json:"token"`
	Messages []message `json:"messages"`
}

type rawBatch struct {
	Token    string            `json:"token"`
	Messages []json.RawMessage `json:"messages"`
}

type mark struct {
	MarkedCount int `json:"markedCount"`
}

func cpuMicroseconds() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return (usage.Utime.Nano() + usage.Stime.Nano()) / 1000
}

// meter counts cycles and what they cost after the warm-up.
type meter struct {
	sync.Mutex
	done, warm, cycles int
	cpu                int64
	wall               time.Time
}

func (m *meter) count() {
	m.Lock()
	defer m.Unlock()
	m.done++
	switch m.done {
	case m.warm:
		m.cpu, m.wall = cpuMicroseconds(), time.Now()
	case m.warm + m.cycles:
		fmt.Printf("{\"cycles\": %d, \"cpu_us\": %d, \"wall_us\": %d}\n",
			m.cycles, cpuMicroseconds()-m.cpu, time.Since(m.wall).Microseconds())
		os.Exit(0)
	}
}

// answer sends a request and reads all of the answer into body.
func answer(client *http.Client, request *http.Request, body *bytes.Buffer) {
	response, err := client.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	body.Reset()
	if _, err = io.Copy(body, response.Body); err != nil {
		log.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		log.Fatal(response.Status)
	}
}

func request(method, target string, form io.Reader) *http.Request {
	request, err := http.NewRequest(method, target, form)
	if err != nil {
		log.Fatal(err)
	}
	request.SetBasicAuth("haplo", key)
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return request
}

// parse tells a batch's token and how many messages it has.
func parse(body []byte, isRaw bool) (string, int) {
	var err error
	var b batch
	var r rawBatch
	if isRaw {
		err = json.Unmarshal(body, &r)
		b.Token = r.Token
	} else {
		err = json.Unmarshal(body, &b)
	}
	if err != nil {
		log.Fatal(err)
	}
	return b.Token, len(b.Messages) + len(r.Messages)
}

func run(client *http.Client, base, name string, isRaw bool, m *meter) {
	fetch := request("GET", base+poll+name+"/fetch", nil)
	var body bytes.Buffer
	for {
		answer(client, fetch, &body)
		token, count := parse(body.Bytes(), isRaw)
		if count != messageCount {
			log.Fatal("not a batch of 16 messages")
		}
		form := strings.NewReader("token=" + url.QueryEscape(token))
		answer(client, request("POST", base+poll+name+"/mark", form), &body)
		var marked mark
		if err := json.Unmarshal(body.Bytes(), &marked); err != nil {
			log.Fatal(err)
		}
		if marked.MarkedCount != messageCount {
			log.Fatal("16 messages were not marked")
		}
		m.count()
	}
}

func tlsConfig(caFile string) *tls.Config {
	if caFile == "-" {
		return nil
	}
	certificates, err := os.ReadFile(caFile)
	if err != nil {
		log.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificates)
	return &tls.Config{RootCAs: pool}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		log.Fatal(err)
	}
	return n
}

func main() {
	isRaw := os.Args[1] == "-raw"
	arguments := os.Args[len(os.Args)-5:]

	hosts, err := os.ReadFile(arguments[0])
	if err != nil {
		log.Fatal(err)
	}
	urls := strings.Fields(string(hosts))
	atOnce := number(arguments[1])
	m := &meter{warm: number(arguments[2]), cycles: number(arguments[3])}
	client := &http.Client{Transport: &http.Transport{
		MaxIdleConns:        0,
		MaxIdleConnsPerHost: atOnce,
		DisableCompression:  true,
		TLSClientConfig:     tlsConfig(arguments[4]),
	}}
	for i := 0; i < atOnce; i++ {
		go run(client, urls[i%len(urls)], fmt.Sprintf("q%d", i), isRaw, m)
	}
	select {}
}
