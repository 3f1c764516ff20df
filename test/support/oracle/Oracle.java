import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Assignment;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.GroupSubscription;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;

/**
 * The Java client's assignors, asked over stdin and stdout, one JSON object a line:
 *
 * <pre>
 * {"assignor": "range", "topics": {"t": [["rack of a replica", ...] of each partition]},
 *  "members": [{"id": "a", "instanceId": null, "subscription": "hex"}]}
 * {"subscriptions": {"a": "hex, written again by Java"}, "assignments": {"a": "hex, written by Java"}}
 *
 * {"assignments": {"a": "hex"}}
 * {"assignments": {"a": "hex, written again by Java"}}
 *
 * {"error": "..."}
 * </pre>
 */
public final class Oracle {
  private static final HexFormat HEX = HexFormat.of();
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] args) throws Exception {
    var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = in.readLine()) != null; ) {
      ObjectNode answer;
      try {
        JsonNode question = JSON.readTree(line);
        answer = question.has("assignor") ? assign(question) : rewrite(question);
      } catch (Exception e) {
        answer = JSON.createObjectNode().put("error", e.toString());
      }
      System.out.write(JSON.writeValueAsBytes(answer));
      System.out.write('\n');
      System.out.flush();
    }
  }

  private static ObjectNode assign(JsonNode question) {
    ObjectNode answer = JSON.createObjectNode();
    ObjectNode written = answer.putObject("subscriptions");
    Map<String, Subscription> subscriptions = new HashMap<>();
    for (JsonNode member : question.get("members")) {
      String id = member.get("id").asText();
      byte[] bytes = HEX.parseHex(member.get("subscription").asText());
      Subscription subscription = ConsumerProtocol.deserializeSubscription(ByteBuffer.wrap(bytes));
      written.put(id, hex(ConsumerProtocol.serializeSubscription(subscription)));
      if (!member.get("instanceId").isNull()) {
        subscription.setGroupInstanceId(Optional.of(member.get("instanceId").asText()));
      }
      subscriptions.put(id, subscription);
    }
    ObjectNode assignments = answer.putObject("assignments");
    assignor(question.get("assignor").asText())
        .assign(cluster(question.get("topics")), new GroupSubscription(subscriptions))
        .groupAssignment()
        .forEach((id, a) -> assignments.put(id, hex(ConsumerProtocol.serializeAssignment(a))));
    return answer;
  }

  private static ObjectNode rewrite(JsonNode question) {
    ObjectNode answer = JSON.createObjectNode();
    ObjectNode assignments = answer.putObject("assignments");
    question.get("assignments").properties().forEach(member -> {
      byte[] bytes = HEX.parseHex(member.getValue().asText());
      Assignment assignment = ConsumerProtocol.deserializeAssignment(ByteBuffer.wrap(bytes));
      assignments.put(member.getKey(), hex(ConsumerProtocol.serializeAssignment(assignment)));
    });
    return answer;
  }

  private static ConsumerPartitionAssignor assignor(String name) {
    return switch (name) {
      case "range" -> new RangeAssignor();
      case "cooperative-sticky" -> new CooperativeStickyAssignor();
      case "roundrobin" -> new RoundRobinAssignor();
      default -> throw new IllegalArgumentException("no assignor " + name);
    };
  }

  /** A node for each rack; a partition without racks has its replica on a node without one. */
  private static Cluster cluster(JsonNode topics) {
    Map<String, Node> nodes = new HashMap<>();
    List<PartitionInfo> partitions = new ArrayList<>();
    topics.properties().forEach(topic -> {
      int partition = 0;
      for (JsonNode racks : topic.getValue()) {
        List<Node> replicas = new ArrayList<>();
        for (JsonNode rack : racks) {
          replicas.add(nodes.computeIfAbsent(rack.asText(), r -> new Node(nodes.size() + 1, "host", 9092, r)));
        }
        if (replicas.isEmpty()) replicas.add(nodes.computeIfAbsent("", r -> new Node(0, "host", 9092)));
        Node[] array = replicas.toArray(Node[]::new);
        partitions.add(new PartitionInfo(topic.getKey(), partition++, array[0], array, array));
      }
    });
    return new Cluster("oracle", nodes.values(), partitions, Set.of(), Set.of());
  }

  private static String hex(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return HEX.formatHex(bytes);
  }
}
